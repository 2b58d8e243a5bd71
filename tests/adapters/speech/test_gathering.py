"""Requests that threads make at about the same time are answered in one batch."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.adapters.speech.gathering import Batcher
from tests.support.deadlines import HANG_SECONDS


class Answers:
    """Answers a number with its double, and keeps each batch. While `paused`, nobody is answered."""

    def __init__(self, *, poison: int | None = None) -> None:
        self.batches: list[list[int]] = []
        self.is_asked = threading.Event()
        self._poison = poison
        self._paused = threading.Lock()

    def __call__(self, asked: Sequence[int]) -> list[int]:
        """Answer a batch."""
        self.batches.append(list(asked))
        self.is_asked.set()
        with self._paused:
            if self._poison in asked:
                raise ValueError(f"cannot double {self._poison}")
            return [2 * number for number in asked]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep everybody waiting for an answer."""
        with self._paused:
            yield


def batcher_of(answers: Answers, max_batch_size: int = 4) -> Batcher[int, int]:
    """Return a batcher that keeps even numbers apart from odd ones."""
    return Batcher(answers, max_batch_size=max_batch_size, kind=lambda number: number % 2)


def ask_at_once(batcher: Batcher[int, int], numbers: Sequence[int]) -> list[Future[int]]:
    """Request each number in a thread of its own. All participate before the first asks."""
    together = threading.Barrier(len(numbers))

    def ask(number: int) -> int:
        with batcher.participate() as asking:
            together.wait(HANG_SECONDS)
            return asking(number)

    with ThreadPoolExecutor(len(numbers)) as threads:
        return [threads.submit(ask, number) for number in numbers]


def answers_to(batcher: Batcher[int, int], numbers: Sequence[int]) -> list[int]:
    """Return the answers to these numbers."""
    return [one.result() for one in ask_at_once(batcher, numbers)]


def test_a_batch_waits_for_all_participants() -> None:
    """Three participants are answered in one batch, each with its own answer."""
    answers = Answers()
    assert answers_to(batcher_of(answers), [2, 4, 6]) == [4, 8, 12]
    assert [sorted(batch) for batch in answers.batches] == [[2, 4, 6]]


def test_a_lone_participant_is_answered_at_once() -> None:
    """A lone participant waits for nobody, and may ask again."""
    answers = Answers()
    with batcher_of(answers).participate() as ask:
        assert (ask(2), ask(4)) == (4, 8)
    assert answers.batches == [[2], [4]]


def test_a_full_batch_does_not_wait() -> None:
    """A full batch is answered while another participant has not asked yet."""
    answers = Answers()
    batcher = batcher_of(answers, max_batch_size=2)
    with batcher.participate():
        assert answers_to(batcher, [2, 4]) == [4, 8]


def test_a_participant_that_leaves_is_not_waited_for() -> None:
    """Leaving without asking lets the others go on, as for a sound in which nobody speaks."""
    answers = Answers()
    batcher = batcher_of(answers)
    with ThreadPoolExecutor(1) as threads:
        with batcher.participate():
            asking = threads.submit(answers_to, batcher, [2])
        assert asking.result(HANG_SECONDS) == [4]
    assert answers.batches == [[2]]


def test_requests_during_a_batch_make_up_the_next() -> None:
    """One batch runs at a time, and requests that arrive meanwhile make up the next batch together."""
    answers = Answers()
    batcher = batcher_of(answers)
    with ThreadPoolExecutor(2) as threads:
        with answers.paused():
            first = threads.submit(answers_to, batcher, [2])
            assert answers.is_asked.wait(HANG_SECONDS)
            others = threads.submit(answers_to, batcher, [4, 6, 8])
        assert first.result(HANG_SECONDS) == [4]
        assert others.result(HANG_SECONDS) == [8, 12, 16]
    assert [sorted(batch) for batch in answers.batches] == [[2], [4, 6, 8]]


def test_kinds_are_batched_apart() -> None:
    """Odd and even numbers are never in one batch."""
    answers = Answers()
    assert answers_to(batcher_of(answers), [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert sorted(sorted(batch) for batch in answers.batches) == [[1, 3], [2, 4]]


def test_a_failing_request_fails_alone() -> None:
    """When one request of a batch fails, only its thread gets the error, and the others get their answers."""
    answers = Answers(poison=4)
    good, bad, other = ask_at_once(batcher_of(answers), [2, 4, 6])
    assert (good.result(), other.result()) == (4, 12)
    with pytest.raises(ValueError, match="cannot double 4"):
        bad.result()


def test_nobody_is_left_waiting_when_a_person_interrupts() -> None:
    """The thread that answers gets the interrupt, and the other one in its batch gets an error."""

    def interrupted(_: Sequence[int]) -> list[int]:
        raise KeyboardInterrupt

    ends = [one.exception() for one in ask_at_once(Batcher(interrupted, max_batch_size=2), [1, 2])]
    assert {type(end) for end in ends} == {KeyboardInterrupt, CancelledError}


@given(
    numbers=st.lists(st.integers(0, 100), min_size=1, max_size=12),
    max_batch_size=st.integers(1, 5),
    threads=st.integers(1, 6),
    silent=st.sets(st.integers(0, 11)),
)
def test_everybody_is_answered(numbers: list[int], max_batch_size: int, threads: int, silent: set[int]) -> None:
    """However many threads participate, and even if some never ask, each gets its answer and no batch is too big."""
    answers = Answers()
    batcher = batcher_of(answers, max_batch_size)

    def ask(place: int) -> int | None:
        with batcher.participate() as asking:
            return None if place in silent else asking(numbers[place])

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(ask, range(len(numbers)), timeout=HANG_SECONDS))
    assert found == [None if place in silent else 2 * number for place, number in enumerate(numbers)]
    assert all(len(batch) <= max_batch_size and len({number % 2 for number in batch}) == 1 for batch in answers.batches)
