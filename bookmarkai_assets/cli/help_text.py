"""Fold help texts by the terminal's width instead of by the line breaks of the source."""

import inspect

import typer


def unfold_help(app: typer.Typer) -> None:
    """Set the help of every command of the app and its groups to its docstring, with one line per paragraph."""
    for command in app.registered_commands:
        text = inspect.getdoc(command.callback) or ""
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            unfold_help(group.typer_instance)
