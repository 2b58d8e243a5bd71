"""From transfers to decisions to placements, with nothing made up in between: the gate judges what was really done."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend, StorageMode
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.rollout.gate import RuleName, RuleStatus
from bookmarkai_assets.core.rollout.stages import AbortTarget, Action, RolloutControl, RolloutPlan, Stage
from bookmarkai_assets.operations.rollout.deciding import Evaluation, evaluate, promote
from bookmarkai_assets.operations.rollout.measuring import catch_up, read_gate_figures
from bookmarkai_assets.operations.storage.verifying import record_verification
from tests.plugins.vault import Vault

SHADOW, EVERYTHING = Stage(0, is_shadow=True), Stage(100)
STAGE_TIME = timedelta(hours=1)
MEDIA = 3
FILES = 2
"""Of a media: its video and its audio track."""


@pytest.fixture
def automatic(vault: Vault) -> Vault:
    """Return an installation whose gate acts by itself, from shadow to everything, on few transfers."""
    vault.use(StorageMode.HYBRID)
    plan = RolloutPlan((SHADOW, EVERYTHING), STAGE_TIME, RolloutControl.AUTOMATIC, AbortTarget.LAST_HELD)
    vault.rules = replace(vault.rules, rollout=plan, gate=replace(vault.rules.gate, min_sample=MEDIA * FILES))
    figures = read_gate_figures(vault.catalog, vault.rules, now=vault.clock())
    promote(vault.catalog, vault.rules, figures=figures, now=vault.clock(), actor="ann", reason="it begins")
    # Leave the five minutes in which the stage began, because they belong to what was before.
    vault.let_pass(minutes=5)
    return vault


def tick(vault: Vault) -> Evaluation:
    """Do what the schedule does every five minutes."""
    catch_up(vault.catalog)
    now = vault.clock()
    return evaluate(
        vault.catalog, vault.rules, figures=read_gate_figures(vault.catalog, vault.rules, now=now), now=now, actor="run"
    )


def placed(vault: Vault, name: str) -> Media:
    """Share a video and have it placed, as the sensor's runs do."""
    result = vault.run(vault.share(name), "fetch", "place", claim_id=f"claim-{name}")["place"]
    assert isinstance(result, Media), result
    return vault.media(result)


def pass_shadow_stage(vault: Vault) -> Evaluation:
    """Return the gate's evaluation after the shadow stage's time, its media and its verification."""
    for number in range(MEDIA):
        placed(vault, f"shadow-{number}")
    vault.let_pass(hours=2)
    now = vault.clock()
    record_verification(vault.catalog, vault.verify(), is_deep=False, now=now)
    return tick(vault)


def test_the_shadows_copies_are_what_the_gate_judges(automatic: Vault) -> None:
    """Its uploads are the sample, workers download nothing, and good uploads with a verification promote."""
    evaluation = pass_shadow_stage(automatic)

    figures = evaluation.judgement.figures
    assert (figures.uploads, figures.upload_failures, figures.downloads) == (MEDIA * FILES, 0, 0)
    assert evaluation.decision is not None, evaluation.judgement.missing
    assert (evaluation.decision.action, evaluation.decision.stage) == (Action.PROMOTE, EVERYTHING)


def test_a_shadow_that_is_denied_ends_the_stage(automatic: Vault) -> None:
    """No share fails because of it, but the gate counts it, and from the abort on S3 is left alone."""
    automatic.s3.fail_next("put", StoreError(StoreErrorClass.ACCESS_DENIED, "403"))
    placed(automatic, "denied")
    automatic.let_pass(minutes=5)

    decision = tick(automatic).decision

    assert decision is not None
    assert (decision.action, decision.stage) == (Action.ABORT, Stage(0))
    before = dict(automatic.s3.objects)
    assert placed(automatic, "after").backend is Backend.LOCAL
    assert automatic.s3.objects == before


def test_media_go_where_the_gate_decides(automatic: Vault) -> None:
    """After a promotion the next placement is in S3 and names it, and after an abort it is local and names that."""
    promotion = pass_shadow_stage(automatic).decision
    assert promotion is not None
    up = placed(automatic, "up")
    assert up.placement is not None
    assert (up.backend, up.placement.decision_id) == (Backend.S3, promotion.decision_id)
    automatic.let_pass(minutes=5)

    automatic.s3.fail_next("put", StoreError(StoreErrorClass.ACCESS_DENIED, "403"))
    denied = automatic.share("denied")
    assert isinstance(automatic.run(denied, "fetch", "place", claim_id="claim")["place"], Failure)
    automatic.let_pass(minutes=5)
    abort = tick(automatic).decision

    assert abort is not None
    assert (abort.action, abort.stage) == (Action.ABORT, SHADOW)
    down = placed(automatic, "down")
    assert down.placement is not None
    assert (down.backend, down.placement.decision_id) == (Backend.LOCAL, abort.decision_id)
    assert automatic.media(up).backend is Backend.S3


def test_an_expired_object_is_no_loss(vault: Vault) -> None:
    """A read after the media's expiry does not fail the gate, and the same absence before it is a loss."""
    read = {}
    for name, days in (("early", 1), ("late", 10)):
        media = vault.store(name, Backend.S3, is_transcribed=False)
        assert media.expires_at is not None
        vault.s3.objects.clear()
        vault.let_pass(days=days)
        assert isinstance(vault.run(media.share_id, "transcribe")["transcribe"], Failure)
        events = vault.catalog.events.for_share(media.share_id)
        read[name] = {event.error_class for event in events if event.operation == "get"}
    assert read == {"early": {"not_found"}, "late": {"expired"}}

    vault.let_pass(minutes=5)
    catch_up(vault.catalog)
    assert read_gate_figures(vault.catalog, vault.rules, now=vault.clock()).losses_since_verification == 0
    begun_ago = replace(vault.rules.gate, max_verification_age=timedelta(days=30))
    figures = read_gate_figures(vault.catalog, replace(vault.rules, gate=begun_ago), now=vault.clock())
    assert figures.losses_since_verification == FILES, "of the early one"


def test_every_rule_has_an_answer_before_anything_was_done(vault: Vault) -> None:
    """An empty installation fails no rule: there is no reason to abort, and too little data to promote."""
    vault.use(StorageMode.HYBRID)
    judgement = tick(vault).judgement
    assert set(judgement.by_rule) == set(RuleName)
    assert RuleStatus.FAIL not in {result.status for result in judgement.rules}
