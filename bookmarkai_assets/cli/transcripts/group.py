"""`bookmarkai transcripts`: the group of commands that show, search, check and export transcripts."""

import typer

from bookmarkai_assets.cli.transcripts.doubtful import doubtful
from bookmarkai_assets.cli.transcripts.export import export
from bookmarkai_assets.cli.transcripts.index import index
from bookmarkai_assets.cli.transcripts.search import search
from bookmarkai_assets.cli.transcripts.show import show
from bookmarkai_assets.cli.transcripts.stale import stale
from bookmarkai_assets.cli.transcripts.store import store

app = typer.Typer(help="Read, search, check and export transcripts.", no_args_is_help=True)
app.command()(show)
app.command()(export)
app.command()(store)
app.command()(doubtful)
app.command()(stale)
app.command()(search)
app.command()(index)
