"""`python -m bookmarkai_assets.cli` is `bookmarkai`, for where the script is not on the path."""

from bookmarkai_assets.cli.main import run

run()
