"""Run `bookmarkai` as `python -m bookmarkai_assets.cli`, if the script is not on the path."""

from bookmarkai_assets.cli.main import run

run()
