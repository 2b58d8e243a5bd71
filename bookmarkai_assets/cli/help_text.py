"""Help as it is shown: paragraphs that the terminal's width folds, and not the line breaks of the source."""

import inspect

import typer


def unfold_help(app: typer.Typer) -> None:
    """Give every command of the app, and of its groups, its docstring as help with one line for each paragraph."""
    for command in app.registered_commands:
        text = inspect.getdoc(command.callback) or ""
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            unfold_help(group.typer_instance)
