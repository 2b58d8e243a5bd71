"""`bookmarkai token`: the tokens of the HTTP door."""

import secrets
from typing import Annotated

import typer

from bookmarkai_assets.cli.output import err, out, print_json, share_id_of
from bookmarkai_assets.core.door.tokens import SALT_BYTES, SECRET_BYTES, Caller, Scope, make_token

app = typer.Typer(help="Make tokens for the HTTP door.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep this a group although it has only one command."""


@app.command("new")
def new(
    *,
    name: Annotated[str, typer.Option(help="Whose token it is; a name's old and new token may be valid together")],
    scope: Annotated[list[Scope], typer.Option(help="What it allows (repeatable); operate includes the others")],
    user: Annotated[
        str | None,
        typer.Option(help="Only this user's shares exist for it; else DOOR_USER_ID's, or with operate all"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Make a token and print it once, and the line to store in DOOR_TOKENS or DOOR_TOKENS_FILE. Nothing is recorded.

    The line holds a salted hash. The token cannot be made from it again.

    Example: bookmarkai token new --name gateway --scope read --scope share
    """
    caller = Caller(name, frozenset(scope), share_id_of(user, "--user") if user else None)
    try:
        token, stored = make_token(
            caller, secret=secrets.token_bytes(SECRET_BYTES), salt=secrets.token_bytes(SALT_BYTES)
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--name") from None
    if as_json:
        print_json({"token": token, "line": stored.line})
        return
    err.print("The token, which is shown only now:", soft_wrap=True)
    out.print(token, soft_wrap=True)
    err.print("The line to store:", soft_wrap=True)
    out.print(stored.line, soft_wrap=True)
