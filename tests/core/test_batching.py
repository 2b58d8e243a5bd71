"""Packing shares into runs: neighbours only, whole, and the suspects alone."""

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.batching import pack_runs


def test_a_backlog_of_new_shares_fills_batches_in_order() -> None:
    """New shares become neighbours, so they are cut into batches of the given size."""
    runs = pack_runs("abcdefg", positions={"x": 0}, alone=frozenset(), batch_size=3)
    assert runs == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


def test_a_gap_between_known_partitions_divides_runs() -> None:
    """A range would take in what lies between, so shares that are no neighbours get runs of their own."""
    positions = {"a": 0, "b": 1, "c": 2, "d": 3}
    assert pack_runs("dab", positions=positions, alone=frozenset(), batch_size=9) == [["a", "b"], ["d"]]


def test_a_new_share_joins_the_last_known_one_only_if_that_is_the_last_partition() -> None:
    """New keys are appended behind all that exist, not behind those that are claimed."""
    assert pack_runs(["b", "new"], positions={"a": 0, "b": 1}, alone=frozenset(), batch_size=9) == [["b", "new"]]
    assert pack_runs(["a", "new"], positions={"a": 0, "b": 1}, alone=frozenset(), batch_size=9) == [["a"], ["new"]]


def test_a_suspect_runs_alone() -> None:
    """A share whose worker has died before shares a process with nobody."""
    runs = pack_runs("abc", positions={}, alone={"b"}, batch_size=9)
    assert runs == [["a"], ["b"], ["c"]]


@given(
    existing=st.lists(st.integers(0, 200), unique=True, max_size=60),
    wanted=st.lists(st.integers(0, 260), unique=True, max_size=60),
    suspects=st.sets(st.integers(0, 260), max_size=10),
    batch_size=st.integers(1, 12),
)
def test_every_share_is_in_one_run_and_every_run_is_a_range(
    existing: list[int], wanted: list[int], suspects: set[int], batch_size: int
) -> None:
    """Between a run's ends, in the order that the partitions will have, lies nothing but the run."""
    partitions = [str(n) for n in existing]
    shares = [str(n) for n in wanted]
    runs = pack_runs(
        shares,
        positions={key: index for index, key in enumerate(partitions)},
        alone={str(n) for n in suspects},
        batch_size=batch_size,
    )
    added = [share for run in runs for share in run if share not in partitions]
    order = partitions + added
    assert sorted(share for run in runs for share in run) == sorted(shares)
    for run in runs:
        assert order[order.index(run[0]) : order.index(run[-1]) + 1] == run
        assert len(run) <= batch_size
        assert len(run) == 1 or not set(run) & {str(n) for n in suspects}
