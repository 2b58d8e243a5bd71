"""`bookmarkai storage`: the group of commands about stored media, for operators of the migration."""

import typer

from bookmarkai_assets.cli.storage.check import check
from bookmarkai_assets.cli.storage.cleanup import cleanup
from bookmarkai_assets.cli.storage.move import move
from bookmarkai_assets.cli.storage.presign import presign
from bookmarkai_assets.cli.storage.rebuild import rebuild_catalog
from bookmarkai_assets.cli.storage.verify import verify

app = typer.Typer(help="Test the storage; move, verify, clean up and rebuild stored media.", no_args_is_help=True)
app.command()(check)
app.command()(move)
app.command()(verify)
app.command()(cleanup)
app.command()(presign)
app.command("rebuild-catalog")(rebuild_catalog)
