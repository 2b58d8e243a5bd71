"""Questions that threads ask at about the same time, answered together where that costs less than one by one.

Knows nothing of speech: what is asked, and how many are answered at once, is its user's.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Question(Generic[Asked, Answer]):
    asked: Asked
    answer: "Future[Answer]" = field(default_factory=Future)


class Gathering(Generic[Asked, Answer]):
    """Answers up to `most` questions of one `kind` at once, one lot after another, in a thread that asks.

    Nobody waits for a while to see who comes: a lot begins when it is full, or when all that take part have asked. So
    one who takes part should ask soon, or leave.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Asked]], Sequence[Answer]],
        *,
        most: int,
        kind: Callable[[Asked], Hashable] = lambda _: None,
    ) -> None:
        self._answer = answer
        self._most = most
        self._kind = kind
        self._changed = threading.Condition()
        self._coming = 0
        self._waiting: list[_Question[Asked, Answer]] = []
        self._is_answering = False

    @contextmanager
    def taking_part(self) -> Iterator[Callable[[Asked], Answer]]:
        """Take part, and give the function to ask with; others may wait for this one until it asks, or leaves.

        What cannot be answered in a lot is asked again by itself; who asked it gets the error. When a person interrupts
        the thread that answers, the others of its lot get `CancelledError`.
        """
        is_coming = True

        def arrive() -> None:
            nonlocal is_coming
            if is_coming:
                is_coming = False
                self._coming -= 1
                self._changed.notify_all()

        def ask(asked: Asked) -> Answer:
            question: _Question[Asked, Answer] = _Question(asked)
            with self._changed:
                self._waiting.append(question)
                arrive()
            while lot := self._next_lot(question):
                try:
                    self._settle(lot)
                finally:
                    with self._changed:
                        for one in lot:
                            one.answer.cancel()  # whom an interrupt left without an answer
                        self._is_answering = False
                        self._changed.notify_all()
            return question.answer.result()

        with self._changed:
            self._coming += 1
        try:
            yield ask
        finally:
            with self._changed:
                arrive()

    def _next_lot(self, question: _Question[Asked, Answer]) -> list[_Question[Asked, Answer]]:
        """Wait until the question is answered, which gives nothing, or a lot is this thread's to answer."""
        with self._changed:
            self._changed.wait_for(lambda: question.answer.done() or self._is_ready())
            if question.answer.done():
                return []
            kind = self._kind(self._waiting[0].asked)
            lot = [one for one in self._waiting if self._kind(one.asked) == kind][: self._most]
            self._waiting = [one for one in self._waiting if one not in lot]
            self._is_answering = True
            return lot

    def _is_ready(self) -> bool:
        is_gathered = not self._coming or len(self._waiting) >= self._most
        return bool(self._waiting) and is_gathered and not self._is_answering

    def _settle(self, lot: Sequence[_Question[Asked, Answer]]) -> None:
        try:
            answers = self._answer([one.asked for one in lot])
        except Exception as error:  # noqa: BLE001 - nothing is hidden: who asked gets it
            if len(lot) == 1:
                lot[0].answer.set_exception(error)
                return
            for one in lot:
                self._settle([one])
            return
        for one, answer in zip(lot, answers, strict=True):
            one.answer.set_result(answer)
