"""`bookmarkai shares`: the group of commands that add shares, show them and retry failed ones."""

import typer

from bookmarkai_assets.cli.shares.add import add
from bookmarkai_assets.cli.shares.debt import debt
from bookmarkai_assets.cli.shares.find import find
from bookmarkai_assets.cli.shares.list import list_shares
from bookmarkai_assets.cli.shares.retry import retry
from bookmarkai_assets.cli.shares.show import show

app = typer.Typer(help="Add links, find shares, see how far they are, retry failed ones.", no_args_is_help=True)
app.command()(add)
app.command("list")(list_shares)
app.command()(find)
app.command()(show)
app.command()(debt)
app.command()(retry)
