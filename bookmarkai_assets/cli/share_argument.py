"""A share as a person names it: by its id, or by its link."""

from typing import Annotated
from uuid import UUID

import typer

from bookmarkai_assets.cli.output import clean, err
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.operations.shares.finding import is_link, shares_named
from bookmarkai_assets.settings.settings import Settings

ShareArgument = Annotated[str, typer.Argument(metavar="ID|URL", help="The share's id, or its link")]
MAX_NAMED = 5


def share_named(catalog: Catalog, settings: Settings, text: str) -> Share:
    """Return the share that a person means: the newest of a link. The others of the link are named on standard error.

    Raises `typer.BadParameter` for what is neither an id nor a link, and `UnknownShareError`.
    """
    if not is_link(text):
        return catalog.shares.get(_id_of(text))
    first, *others = shares_named(catalog, text, settings.egress_allowed_hosts)
    if others:
        named = ", ".join(share.share_id for share in others[:MAX_NAMED])
        more = f" and {len(others) - MAX_NAMED:,} more" if len(others) > MAX_NAMED else ""
        err.print(
            clean(f"This is the newest of {len(others) + 1:,} shares of this video. The others: {named}{more}", 400),
            soft_wrap=True,
        )
    return first


def _id_of(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise typer.BadParameter(
            f"expected a share's id, which is a UUID, or its link, found {text[:80]!r}; `bookmarkai shares find` finds "
            "shares by words",
            param_hint="ID|URL",
        ) from None
