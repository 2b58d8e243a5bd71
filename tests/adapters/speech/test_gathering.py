"""Questions that threads ask at about the same time are answered together."""

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
    """Answers a number with its double, and keeps what was asked together. While `held`, nobody is answered."""

    def __init__(self, *, poison: int | None = None) -> None:
        self.lots: list[list[int]] = []
        self.is_asked = threading.Event()
        self._poison = poison
        self._held = threading.Lock()

    def __call__(self, asked: Sequence[int]) -> list[int]:
        """Answer a lot."""
        self.lots.append(list(asked))
        self.is_asked.set()
        with self._held:
            if self._poison in asked:
                raise ValueError(f"cannot double {self._poison}")
            return [2 * number for number in asked]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep everybody waiting for an answer."""
        with self._held:
            yield


def gathering(answers: Answers, max_batch_size: int = 4) -> Batcher[int, int]:
    """Gather even numbers apart from odd ones."""
    return Batcher(answers, max_batch_size=max_batch_size, kind=lambda number: number % 2)


def ask_at_once(gathered: Batcher[int, int], numbers: Sequence[int]) -> list[Future[int]]:
    """Have each number asked by a thread of its own, all of which take part before the first asks."""
    together = threading.Barrier(len(numbers))

    def ask(number: int) -> int:
        with gathered.participate() as asking:
            together.wait(HANG_SECONDS)
            return asking(number)

    with ThreadPoolExecutor(len(numbers)) as threads:
        return [threads.submit(ask, number) for number in numbers]


def answers_to(gathered: Batcher[int, int], numbers: Sequence[int]) -> list[int]:
    """Return what `ask_at_once` is answered."""
    return [one.result() for one in ask_at_once(gathered, numbers)]


def test_who_takes_part_is_waited_for() -> None:
    """Three that take part are answered at once, each with its own answer."""
    answers = Answers()
    assert answers_to(gathering(answers), [2, 4, 6]) == [4, 8, 12]
    assert [sorted(lot) for lot in answers.lots] == [[2, 4, 6]]


def test_one_alone_is_answered_at_once() -> None:
    """Who takes part alone waits for nobody, and may ask again."""
    answers = Answers()
    with gathering(answers).participate() as ask:
        assert (ask(2), ask(4)) == (4, 8)
    assert answers.lots == [[2], [4]]


def test_a_lot_that_is_full_does_not_wait() -> None:
    """While another still takes part and asks nothing, as many as may be answered at once are."""
    answers = Answers()
    gathered = gathering(answers, max_batch_size=2)
    with gathered.participate():
        assert answers_to(gathered, [2, 4]) == [4, 8]


def test_who_leaves_without_asking_is_waited_for_no_longer() -> None:
    """A sound in which nobody speaks has nothing to ask; leaving lets the others go on."""
    answers = Answers()
    gathered = gathering(answers)
    with ThreadPoolExecutor(1) as threads:
        with gathered.participate():
            asking = threads.submit(answers_to, gathered, [2])
        assert asking.result(HANG_SECONDS) == [4]
    assert answers.lots == [[2]]


def test_who_comes_while_others_are_answered_makes_the_next_lot() -> None:
    """Only one lot is under way; those who come meanwhile are answered after it, together."""
    answers = Answers()
    gathered = gathering(answers)
    with ThreadPoolExecutor(2) as threads:
        with answers.held():
            first = threads.submit(answers_to, gathered, [2])
            assert answers.is_asked.wait(HANG_SECONDS)
            others = threads.submit(answers_to, gathered, [4, 6, 8])
        assert first.result(HANG_SECONDS) == [4]
        assert others.result(HANG_SECONDS) == [8, 12, 16]
    assert [sorted(lot) for lot in answers.lots] == [[2], [4, 6, 8]]


def test_questions_of_another_kind_are_answered_apart() -> None:
    """Odd and even numbers never share a lot."""
    answers = Answers()
    assert answers_to(gathering(answers), [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert sorted(sorted(lot) for lot in answers.lots) == [[1, 3], [2, 4]]


def test_a_question_that_fails_fails_alone() -> None:
    """The neighbours of one that cannot be answered get their answers; it gets the error."""
    answers = Answers(poison=4)
    good, bad, other = ask_at_once(gathering(answers), [2, 4, 6])
    assert (good.result(), other.result()) == (4, 12)
    with pytest.raises(ValueError, match="cannot double 4"):
        bad.result()


def test_nobody_is_left_waiting_when_a_person_interrupts() -> None:
    """The thread that answers gets the interrupt, and the other of its lot an error."""

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
    """However many come, in whatever order, some of them to ask nothing: each gets its answer, no lot is too full."""
    answers = Answers()
    gathered = gathering(answers, max_batch_size)

    def ask(place: int) -> int | None:
        with gathered.participate() as asking:
            return None if place in silent else asking(numbers[place])

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(ask, range(len(numbers)), timeout=HANG_SECONDS))
    assert found == [None if place in silent else 2 * number for place, number in enumerate(numbers)]
    assert all(len(lot) <= max_batch_size and len({number % 2 for number in lot}) == 1 for lot in answers.lots)
