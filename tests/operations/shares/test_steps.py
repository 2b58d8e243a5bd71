"""The frame around every step: leases that live as long as the hold, and runs that notice when they lost theirs."""

import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, text

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ConfigurationError, LeaseLostError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.media import media_id_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.shares.steps import LeasedShare, run_step
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.support.catalog import execute
from tests.support.deadlines import HANG_SECONDS
from tests.support.processes import wait_until

USER = "11111111-1111-4111-8111-111111111111"
LINK = "https://example.com/a"


@pytest.fixture
def rules() -> PipelineRules:
    """Return the default rules."""
    return make_rules(load_settings(env_file=None))


def hold_of(catalog: Catalog, rules: PipelineRules, owner: str = "run") -> Hold:
    """Return a run's hold on its shares by the real clock."""
    return Hold(catalog, rules, Stores({}), owner, clock=lambda: datetime.now(UTC), jitter=lambda: 0.5)


def add(catalog: Catalog, link: str = LINK) -> str:
    """Share a link, and return the share's id."""
    [added] = add_shares(catalog.shares, [link], user_id=USER, allowed_hosts=frozenset(), now=datetime.now(UTC))
    assert hasattr(added, "share")
    return added.share.share_id


def test_a_lease_is_renewed_while_the_work_goes_on(
    sqlite_catalog: Catalog, sqlite_url: str, rules: PipelineRules
) -> None:
    """However long a step takes, its lease never ends, because the heartbeat extends it."""
    share = add(sqlite_catalog)
    engine = create_engine(sqlite_url)

    def lease_end() -> str:
        with engine.connect() as connection:
            return str(connection.execute(text("SELECT expires_at FROM leases")).scalar_one())

    def long_step(_leased: LeasedShare, _value: None) -> str:
        ends: set[str] = set()

        def has_moved_often() -> bool:
            ends.add(lease_end())
            return len(ends) > 3

        wait_until(has_moved_often)
        return "done"

    hold = hold_of(sqlite_catalog, replace(rules, lease_seconds=0.4))
    with hold.renew_leases():
        assert run_step(hold, {share: None}, long_step) == {share: "done"}
    engine.dispose()


def test_an_earlier_failure_is_passed_on_unchanged(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """The step is not called for a share that has failed before, and its attempts do not change."""
    share = add(sqlite_catalog)
    failure = Failure(Outcome.GONE, "404")

    def step(_leased: LeasedShare, _value: str) -> str:
        raise AssertionError("the step was called")

    inputs: dict[str, str | Failure] = {share: failure}
    assert run_step(hold_of(sqlite_catalog, rules), inputs, step) == {share: failure}
    assert sqlite_catalog.work.progress(share).attempts == 0


def test_a_run_that_lost_its_lease_records_nothing(
    sqlite_catalog: Catalog, sqlite_url: str, rules: PipelineRules
) -> None:
    """When another run took the share over, the first run's failure is not written over its work."""
    share = add(sqlite_catalog)

    def step(leased: LeasedShare, _value: None) -> str:
        engine = create_engine(sqlite_url)
        with engine.begin() as connection:
            connection.execute(text("UPDATE leases SET owner = 'other'"))
            connection.execute(text("UPDATE share_work SET owner = 'other', last_owner = 'other'"))
        engine.dispose()
        raise ValueError(f"too late for {leased.media_id}")

    result = run_step(hold_of(sqlite_catalog, rules), {share: None}, step)[share]
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.SUPERSEDED
    assert sqlite_catalog.work.progress(share).outcome is None


def test_a_lost_lease_within_the_step_is_superseded(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """A step that the catalog refuses for its lost lease ends as superseded, not as an internal error."""
    share = add(sqlite_catalog)

    def step(_leased: LeasedShare, _value: None) -> str:
        raise LeaseLostError("run other has it")

    result = run_step(hold_of(sqlite_catalog, rules), {share: None}, step)[share]
    assert result == Failure(Outcome.SUPERSEDED, "run other has it")


def test_results_keep_the_order_of_the_inputs(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """In parallel or not, the results come in the order of the shares."""
    shares = [add(sqlite_catalog, f"https://example.com/{n}") for n in range(8)]
    results = run_step(
        hold_of(sqlite_catalog, rules), dict.fromkeys(shares), lambda leased, _: leased.share.share_id, concurrency=4
    )
    assert list(results) == shares
    assert list(results.values()) == shares


def test_unfinished_shares_of_a_run_are_due_again(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """A run that ends without finishing a share frees it at once."""
    share = add(sqlite_catalog)
    hold = hold_of(sqlite_catalog, rules)
    run_step(hold, {share: None}, lambda _leased, _value: None)
    assert sqlite_catalog.leases.holds("run", media_id_of(LINK))
    hold.release()
    assert not sqlite_catalog.leases.holds("run", media_id_of(LINK))
    assert [due.share_id for due in sqlite_catalog.work.due(now=datetime.now(UTC), limit=9)] == [share]


def test_a_run_that_is_stopped_ends_its_transfers(sqlite_catalog: Catalog, rules: PipelineRules) -> None:
    """The interrupt reaches the threads at work, and their shares have no failed attempt and are due again at once."""
    shares = [add(sqlite_catalog, f"https://example.com/{n}") for n in range(3)]
    interrupted = threading.Event()
    ready = threading.Barrier(3)
    main_thread = threading.get_ident()

    def transfer(leased: LeasedShare, _value: None) -> str:
        if ready.wait(HANG_SECONDS) == 0:
            signal.pthread_kill(main_thread, signal.SIGUSR1)
        assert interrupted.wait(HANG_SECONDS), "nobody interrupted this thread"
        raise StoreError(StoreErrorClass.INTERRUPTED, f"storing {leased.media_id}: ended")

    # As Ctrl-C and Dagster's termination do, and also where the tests' own process ignores SIGINT.
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    hold = hold_of(sqlite_catalog, rules)
    try:
        with pytest.raises(KeyboardInterrupt), hold.renew_leases():
            run_step(hold, dict.fromkeys(shares), transfer, concurrency=3, interrupt=interrupted.set)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert {due.share_id for due in sqlite_catalog.work.due(now=datetime.now(UTC), limit=9)} == set(shares)
    assert all(sqlite_catalog.work.progress(share).outcome is None for share in shares)


def test_a_run_whose_code_has_become_too_old_ends_before_it_takes_a_share(
    sqlite_catalog: OpenCatalog, rules: PipelineRules
) -> None:
    """A schema that needs a later release ends the run with that message. The share is due, and no attempt counts."""
    share = add(sqlite_catalog)
    execute(sqlite_catalog, "UPDATE bookmarkai_schema_version SET version_num = '9999', oldest_code = '9999'")
    hold = hold_of(sqlite_catalog, rules)

    with pytest.raises(ConfigurationError, match="needs code of revision 9999 or later"), hold.renew_leases():
        run_step(hold, {share: None}, lambda *_: pytest.fail("it worked on the share"))

    assert sqlite_catalog.work.progress(share).attempts == 0
    assert [due.share_id for due in sqlite_catalog.work.due(now=datetime.now(UTC), limit=1)] == [share]
