"""Where Dagster's UI is."""

from bookmarkai_assets.core.shares.dagster_ui import DagsterUI
from bookmarkai_assets.settings.settings import Settings

_LOCAL = "http://127.0.0.1:3000"
"""Where `dagster dev` and `dagster-webserver` serve it by default."""


def make_links_from_outside(settings: Settings) -> DagsterUI:
    """Make the links for a terminal: whole addresses."""
    return DagsterUI(settings.dagster_ui_url or _LOCAL)


def make_links_from_within(settings: Settings) -> DagsterUI:
    """Make the links for pages of the UI itself: paths, unless the setting says where the UI is."""
    return DagsterUI(settings.dagster_ui_url or "")
