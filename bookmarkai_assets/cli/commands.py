"""Which commands and groups of commands there are, in the order of the help, and where each is.

A command is loaded when it is called. All of them together take longer to load than a short one takes to run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer


@dataclass(frozen=True)
class Group:
    """Commands that share a first word. Each is named with its function's path below `bookmarkai_assets.cli`."""

    help: str
    commands: Mapping[str, str]


COMMANDS: Mapping[str, str | Group] = {
    "shares": Group(
        "Add links, find shares, see how far they are, retry failed ones.",
        {
            "add": "shares.add.add",
            "list": "shares.list.list_shares",
            "find": "shares.find.find",
            "show": "shares.show.show",
            "debt": "shares.debt.debt",
            "retry": "shares.retry.retry",
        },
    ),
    "platforms": "platforms.app",
    "storage": Group(
        "Test the storage; move, verify, clean up and rebuild stored media.",
        {
            "check": "storage.check.check",
            "move": "storage.move.move",
            "verify": "storage.verify.verify",
            "cleanup": "storage.cleanup.cleanup",
            "presign": "storage.presign.presign",
            "rebuild-catalog": "storage.rebuild.rebuild_catalog",
        },
    ),
    "transcripts": Group(
        "Read, search, check and export transcripts.",
        {
            "show": "transcripts.show.show",
            "export": "transcripts.export.export",
            "store": "transcripts.store.store",
            "doubtful": "transcripts.doubtful.doubtful",
            "stale": "transcripts.stale.stale",
            "search": "transcripts.search.search",
            "index": "transcripts.index.index",
        },
    ),
    "models": "models.app",
    "rollout": Group(
        "Move new media to S3 in stages: see where you are, go on, go back.",
        {
            "status": "rollout.status.status",
            "plan": "rollout.plan.plan",
            "promote": "rollout.decisions.promote",
            "set": "rollout.decisions.set_stage",
            "abort": "rollout.decisions.abort",
            "rollback": "rollout.decisions.rollback",
            "resume": "rollout.decisions.resume",
            "history": "rollout.history.history",
        },
    ),
    "catalog": "catalog.app",
    "token": "token.app",
    "open": "open.open_share",
    "metrics": "metrics.metrics",
    "config": "config.config",
    "doctor": "doctor.command.doctor",
    "demo": "demo.demo",
    "serve": "serve.serve",
    "probe": "probe.probe",
    "run": "run.run",
    "upload": "upload.upload",
    "work": "work.work",
    "worker": "worker.worker",
}
"""A string is the path of a command's function, or of a group that is small and loaded whole."""


def add_commands(app: typer.Typer, words: Sequence[str]) -> None:
    """Add the commands that `words` may call: the one that they name, or all where they name none."""
    for name in _named(COMMANDS, words):
        found = COMMANDS[name]
        if isinstance(found, Group):
            group = typer.Typer(help=found.help, no_args_is_help=True)
            for command in _named(found.commands, words[1:]):
                group.command(command)(_load(found.commands[command]))
            app.add_typer(group, name=name)
            continue
        loaded = _load(found)
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=name)
        else:
            app.command(name)(loaded)


def _named(commands: Mapping[str, object], words: Sequence[str]) -> Sequence[str]:
    # Options before a command, or a word that is no command, concern the help or an error, which list all.
    return words[:1] if words and words[0] in commands else list(commands)


def _load(path: str) -> Any:  # noqa: ANN401 - a function or a group, as the table says
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"bookmarkai_assets.cli.{module}"), name)
