"""A table of shares: how far each is, who it is, and its page in Dagster's UI."""

from collections.abc import Iterable

from rich.text import Text

from bookmarkai_assets.cli.output import clean, out, print_table
from bookmarkai_assets.core.shares.dagster_ui import DagsterUI
from bookmarkai_assets.operations.shares.reports import ShareSummary

MAX_TITLE_CHARACTERS = 60


def print_shares(summaries: Iterable[ShareSummary], ui: DagsterUI) -> None:
    """Print a line for each share. On a terminal the id is the link to its page, elsewhere the page is a column."""
    page = [] if out.is_terminal else ["page"]
    print_table(
        ["id", "status", "outcome", "url", "title", *page],
        (
            (
                linked_id(s.share.share_id, s.page_in(ui)),
                s.share.status,
                s.outcome,
                s.share.url,
                clean(s.share.title, MAX_TITLE_CHARACTERS),
                *([s.page_in(ui)] if page else []),
            )
            for s in summaries
        ),
        cut=("url", "title"),
    )


def linked_id(share_id: str, page: str) -> Text:
    """Return a share's id as a link to its page, on terminals that show links."""
    text = clean(share_id)
    text.stylize(f"link {page}")
    return text
