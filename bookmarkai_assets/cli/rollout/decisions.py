"""`bookmarkai rollout promote, set, abort, rollback, resume`: an operator's decisions about the rollout.

Each command records one decision in the catalog. Every worker's next placement follows it. No command moves stored
media.
"""

import os
import pwd
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from bookmarkai_assets.cli.hold import command_hold
from bookmarkai_assets.cli.output import clean, out
from bookmarkai_assets.cli.rollout.words import describe_effect
from bookmarkai_assets.core.rollout.forecast import StageForecast
from bookmarkai_assets.core.rollout.gate import GateFigures
from bookmarkai_assets.core.rollout.policy import PolicySource, resolve_policy
from bookmarkai_assets.core.rollout.stages import NOTHING, Action, Decision, Stage
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout import deciding as rollout
from bookmarkai_assets.operations.rollout.measuring import catch_up, read_gate_figures
from bookmarkai_assets.operations.rollout.planning import forecast_stages
from bookmarkai_assets.operations.shares.hold import Hold

_MAX_CHARACTERS = 2000
"""The longest line that is printed."""


def login_name() -> str:
    """Return the login name of this process's user, or `user` and the user's number if there is no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def _require_text(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("expected some text, for whoever reads the history, found none")
    return text.strip()


By = Annotated[
    str,
    typer.Option(
        default_factory=login_name,
        callback=_require_text,
        metavar="NAME",
        show_default=False,
        help="Who decides; your login name by default",
    ),
]
Reason = Annotated[str, typer.Option(callback=_require_text, help="Why, for whoever reads the history")]
_NO_REASON = "none given"


def promote(
    *,
    by: By,
    force: Annotated[
        bool, typer.Option("--force", help="Go on even if the gate does not agree; this is recorded")
    ] = False,
    reason: Reason = _NO_REASON,
) -> None:
    """Go on to the next of ROLLOUT_STAGES, or begin with the first, if the gate agrees.

    The gate agrees if every rule passes and the minimum time in the stage is over. To begin, it is enough that no rule
    fails. Otherwise nothing is changed, the exit code is 1, and the message says what is missing. From the next
    placement on, S3 takes the new percentage of new media. What is stored stays where it is.

    Example: bookmarkai rollout promote
    """
    with command_hold("promote", group="rollout") as hold:
        now = hold.clock()
        figures, forecasts = _measure(hold, now=now)
        decision = rollout.promote(
            hold.catalog,
            hold.rules,
            figures=figures,
            forecasts=forecasts,
            now=now,
            actor=by,
            reason=reason,
            force=force,
        )
    _print(hold.rules, decision)


def set_stage(
    stage: Annotated[str, typer.Argument(metavar="N|shadow", help="A whole percentage, 0 to 100, or shadow")],
    *,
    by: By,
    reason: Reason,
) -> None:
    """Go to a stage that you name, planned or not. The gate is not asked, but its judgement is recorded.

    Its time and its figures start now, even if it is the present stage. A rollback stays in force, and the stage counts
    once the rollout is resumed. What is stored stays where it is.

    Example: bookmarkai rollout set 25 --reason 'the uplink is full'
    """
    try:
        wanted = Stage.parse(stage)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="N|shadow") from None
    with command_hold("set", group="rollout") as hold:
        now = hold.clock()
        figures, forecasts = _measure(hold, wanted, now=now)
        decision = rollout.set_stage(
            hold.catalog,
            hold.rules,
            wanted,
            figures=figures,
            forecasts=forecasts,
            now=now,
            actor=by,
            reason=reason,
        )
    _print(hold.rules, decision)


def abort(*, by: By, reason: Reason) -> None:
    """Go back to the last stage that held, or to 0% with ROLLOUT_ABORT_TO=0.

    A person has to promote or set a stage before the rollout goes up again. What is stored stays where it is. To send
    everything to the local directory at once, use rollback.

    Example: bookmarkai rollout abort --reason 'uploads time out since noon'
    """
    with command_hold("abort", group="rollout") as hold:
        now = hold.clock()
        figures, forecasts = _measure(hold, now=now)
        decision = rollout.abort(
            hold.catalog, hold.rules, figures=figures, forecasts=forecasts, now=now, actor=by, reason=reason
        )
    _print(hold.rules, decision)


def rollback(*, by: By, reason: Reason) -> None:
    """Send everything new to the local directory, at once and for every worker, whatever the stage or STORAGE_MODE.

    It asks nothing and restarts nothing. Uploads to S3 that are in progress end with their next part. Media in S3 stay
    there and stay readable. The stage is remembered for resume.

    Example: bookmarkai rollout rollback --reason 'the bucket answers with errors'
    """
    with command_hold("rollback", group="rollout") as hold:
        now = hold.clock()
        # Only the figures that are already added up, because a rollback must not wait for the rest.
        figures = read_gate_figures(hold.catalog, hold.rules, now=now)
        decision = rollout.roll_back(hold.catalog, hold.rules, figures=figures, now=now, actor=by, reason=reason)
    _print(hold.rules, decision)


def resume(*, by: By, reason: Reason = _NO_REASON) -> None:
    """Take a rollback back. The remembered stage counts again. Its time and its figures start now.

    Example: bookmarkai rollout resume --reason 'the bucket is well again'
    """
    with command_hold("resume", group="rollout") as hold:
        now = hold.clock()
        figures, _ = _measure(hold, now=now)
        decision = rollout.resume(hold.catalog, hold.rules, figures=figures, now=now, actor=by, reason=reason)
    _print(hold.rules, decision)


def _measure(hold: Hold, wanted: Stage = NOTHING, *, now: datetime) -> tuple[GateFigures, Sequence[StageForecast]]:
    """Return what a decision is recorded with: the gate's figures, and forecasts of all stages and the wanted one."""
    catch_up(hold.catalog)
    stages = sorted({*hold.rules.rollout.stages, wanted} - {NOTHING})
    return (
        read_gate_figures(hold.catalog, hold.rules, now=now),
        forecast_stages(hold.catalog, hold.rules, now=now, stages=stages),
    )


def _print(rules: PipelineRules, decision: Decision) -> None:
    lines = [f"{_describe_action(decision)}: decision {decision.decision_id}, by {decision.who}."]
    lines += [f"Overruled: {objection}." for objection in decision.evidence.get("overruled", ())]
    lines += _describe_rollback(decision) if decision.is_rolled_back else _describe_stage(rules, decision)
    for line in lines:
        out.print(clean(line, _MAX_CHARACTERS), soft_wrap=True)


def _describe_rollback(decision: Decision) -> list[str]:
    # Whatever this command's settings say: the workers' may differ, and a rollback holds under all of them.
    lines = ["Everything new goes to the local directory, in every worker, from its next placement on."]
    if decision.action is Action.ROLLBACK:
        lines.append(
            "An upload to S3 that is under way, also to a server that does not answer, ends within 10 seconds, and its "
            "video goes to the local directory. So do the videos of shares that wait for S3. Media in S3 stay there "
            "and stay readable."
        )
    to = f", to {decision.stage}" if decision.stage is not None else ""
    return [*lines, f"To take the rollback back{to}: bookmarkai rollout resume"]


def _describe_stage(rules: PipelineRules, decision: Decision) -> list[str]:
    effective = resolve_policy(rules.storage, decision)
    effect = describe_effect(effective)
    lines = [f"{effect[0].upper()}{effect[1:]}."]
    if effective.source in {PolicySource.SETTINGS_LOCAL, PolicySource.SETTINGS_S3}:
        lines.append("That is by this command's settings; a worker whose STORAGE_MODE is hybrid follows the decision.")
    return lines


def _describe_action(decision: Decision) -> str:
    where = "not begun" if decision.stage is None else str(decision.stage)
    match decision.action:
        case Action.PROMOTE:
            return f"Promoted to {where}"
        case Action.SET:
            return f"Set to {where}, still rolled back" if decision.is_rolled_back else f"Set to {where}"
        case Action.ABORT:
            return f"Aborted, back to {where}"
        case Action.ROLLBACK:
            return "Rolled back"
        case Action.RESUME:
            return f"Resumed at {where}"
        case Action.ADVISE:
            return f"Advised at {where}"
