"""The page with every setting and every command is what the code says."""

import typer

from bookmarkai_assets.cli.main import make_app
from bookmarkai_assets.settings.settings import Settings
from tools.reference_page import PAGE, reference_page

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_made_from_the_code() -> None:
    """After a setting or a command has changed, `python -m tools.reference_page` writes the page again."""
    assert reference_page() == TEXT, "run python -m tools.reference_page"


def test_the_page_has_every_setting_once() -> None:
    """Each has a row with its default and its meaning, in the groups that the settings are in."""
    rows = [line.split("`")[1] for line in TEXT.splitlines() if line.startswith("| `") and line.count(" | ") == 2]
    assert sorted(rows) == sorted(name.upper() for name in Settings.model_fields)


def test_the_page_has_every_command_with_its_options() -> None:
    """Each has a heading of its own, and a row for each option."""
    root = typer.main.get_command(make_app())
    assert isinstance(root, typer.core.TyperGroup)
    for path, command in commands(root, "bookmarkai"):
        _, heading, rest = TEXT.partition(f"# `{path}`\n")
        assert heading, path
        section = rest.partition("\n### ")[0].partition("\n#### ")[0]
        options = [one.opts[0] for one in command.params if one.param_type_name == "option"]
        assert [option for option in options if f"| `{option}`" not in section] == [], path


def commands(group: typer.core.TyperGroup, path: str) -> list[tuple[str, typer.core.TyperCommand]]:
    """Return the commands of a group and of the groups in it, each with the words that call it."""
    found: list[tuple[str, typer.core.TyperCommand]] = []
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            found += commands(command, f"{path} {name}")
        else:
            assert isinstance(command, typer.core.TyperCommand)
            found.append((f"{path} {name}", command))
    return found
