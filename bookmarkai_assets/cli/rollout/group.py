"""`bookmarkai rollout`: the group of commands that show the rollout to S3 and decide about it."""

import typer

from bookmarkai_assets.cli.rollout.decisions import abort, promote, resume, rollback, set_stage
from bookmarkai_assets.cli.rollout.history import history
from bookmarkai_assets.cli.rollout.plan import plan
from bookmarkai_assets.cli.rollout.status import status

app = typer.Typer(help="Move new media to S3 in stages: see where you are, go on, go back.", no_args_is_help=True)
app.command()(status)
app.command()(plan)
app.command()(promote)
app.command("set")(set_stage)
app.command()(abort)
app.command()(rollback)
app.command()(resume)
app.command()(history)
