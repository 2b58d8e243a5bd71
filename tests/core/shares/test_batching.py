"""Packing shares into runs: only neighbours, all of them, and suspects alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.shares.batching import WORTH_A_RUN, even_batch_size, pack_runs


def test_a_backlog_of_new_shares_fills_batches_in_order() -> None:
    """New shares become neighbours, so they are cut into batches of the given size."""
    runs = pack_runs("abcdefg", positions={"x": 0}, alone=frozenset(), lanes={}, batch_size=3)
    assert runs == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


def test_a_gap_between_known_partitions_divides_runs() -> None:
    """A range would include what is in between, so shares that are not neighbours get runs of their own."""
    positions = {"a": 0, "b": 1, "c": 2, "d": 3}
    assert pack_runs("dab", positions=positions, alone=frozenset(), lanes={}, batch_size=9) == [["a", "b"], ["d"]]


def test_a_new_share_joins_only_the_last_partition() -> None:
    """New keys are appended after all that exist, not after those that are claimed."""
    positions = {"a": 0, "b": 1}
    assert pack_runs(["b", "new"], positions=positions, alone=frozenset(), lanes={}, batch_size=9) == [["b", "new"]]
    assert pack_runs(["a", "new"], positions=positions, alone=frozenset(), lanes={}, batch_size=9) == [["a"], ["new"]]


def test_a_suspect_runs_alone() -> None:
    """A share whose worker has died before shares a process with no other."""
    runs = pack_runs("abc", positions={}, alone={"b"}, lanes={}, batch_size=9)
    assert runs == [["a"], ["b"], ["c"]]


@given(
    existing=st.lists(st.integers(0, 200), unique=True, max_size=60),
    wanted=st.lists(st.integers(0, 260), unique=True, max_size=60),
    suspects=st.sets(st.integers(0, 260), max_size=10),
    lane_of=st.dictionaries(st.integers(0, 260), st.sampled_from(["tiktok", "x"]), max_size=60),
    batch_size=st.integers(1, 12),
)
def test_every_share_is_in_one_run_and_every_run_is_a_range(
    existing: list[int], wanted: list[int], suspects: set[int], lane_of: dict[int, str], batch_size: int
) -> None:
    """A run is of one lane, and nothing else is between its ends in the order that the partitions will have."""
    partitions = [str(n) for n in existing]
    shares = [str(n) for n in wanted]
    runs = pack_runs(
        shares,
        positions={key: index for index, key in enumerate(partitions)},
        alone={str(n) for n in suspects},
        lanes={str(n): lane for n, lane in lane_of.items()},
        batch_size=batch_size,
    )
    added = [share for run in runs for share in run if share not in partitions]
    order = partitions + added
    assert sorted(share for run in runs for share in run) == sorted(shares)
    for run in runs:
        assert order[order.index(run[0]) : order.index(run[-1]) + 1] == run
        assert len(run) <= batch_size
        assert len({lane_of.get(int(share)) for share in run}) == 1
        assert len(run) == 1 or not set(run) & {str(n) for n in suspects}


@pytest.mark.parametrize(
    ("count", "run_slots", "size"),
    [
        (24, 1, 12),  # not 20 and a rest
        (24, 2, 12),
        (20, 2, 10),  # one run would leave a core idle
        (50, 2, 13),  # four, and not three
        (24, 25, 6),  # four that are worth their start-up time
        (9, 2, 9),
        (1, 2, 1),
        (0, 2, 1),
    ],
)
def test_a_backlog_is_divided_evenly_among_simultaneous_runs(count: int, run_slots: int, size: int) -> None:
    """There are as few runs as the batch size allows, but enough to use all slots to the end, and none is too small."""
    assert even_batch_size(count, batch_size=20, run_slots=run_slots) == size


@given(count=st.integers(1, 2000), batch_size=st.integers(1, 50), run_slots=st.integers(1, 64))
def test_even_batches_stay_within_the_batch_size_and_are_worth_a_run(
    count: int, batch_size: int, run_slots: int
) -> None:
    """No batch is larger than allowed, and none is small only because of the slots."""
    size = even_batch_size(count, batch_size=batch_size, run_slots=run_slots)
    assert 1 <= size <= batch_size
    assert size >= min(WORTH_A_RUN, even_batch_size(count, batch_size=batch_size, run_slots=1))
