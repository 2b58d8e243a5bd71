"""Batch the requests that several threads make at about the same time, where a batch costs less than one by one.

The short sounds of several threads are decoded together in this way. This module knows nothing of speech: its user
decides what a request is, and how many are in a batch.
"""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Pending(Generic[Request, Answer]):
    request: Request
    answer: "Future[Answer]" = field(default_factory=Future)


class Batcher(Generic[Request, Answer]):
    """Answers up to `max_batch_size` requests of one `kind` at once, in one of the threads that ask.

    One batch runs at a time. No thread waits for a fixed time: a batch begins when it is full, or when all participants
    have asked. A participant should therefore ask soon, or leave.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Request]], Sequence[Answer]],
        *,
        max_batch_size: int,
        kind: Callable[[Request], Hashable] = lambda _: None,
    ) -> None:
        self._answer = answer
        self._max_batch_size = max_batch_size
        self._kind = kind
        self._changed = threading.Condition()
        self._expected = 0
        self._waiting: list[_Pending[Request, Answer]] = []
        self._is_answering = False

    @contextmanager
    def participate(self) -> Iterator[Callable[[Request], Answer]]:
        """Participate, and yield the function to ask with. Others may wait for this thread until it asks or leaves.

        If a batch fails, its requests are answered one by one, and an error goes to the thread that asked. If a person
        interrupts the thread that answers, the others in its batch get `CancelledError`.
        """
        is_expected = True

        def stop_waiting_for_this() -> None:
            nonlocal is_expected
            if is_expected:
                is_expected = False
                self._expected -= 1
                self._changed.notify_all()

        def ask(request: Request) -> Answer:
            pending: _Pending[Request, Answer] = _Pending(request)
            with self._changed:
                self._waiting.append(pending)
                stop_waiting_for_this()
            while batch := self._next_batch(pending):
                try:
                    self._run(batch)
                finally:
                    with self._changed:
                        for one in batch:
                            one.answer.cancel()  # has an effect only if an interrupt left it without an answer
                        self._is_answering = False
                        self._changed.notify_all()
            return pending.answer.result()

        with self._changed:
            self._expected += 1
        try:
            yield ask
        finally:
            with self._changed:
                stop_waiting_for_this()

    def _next_batch(self, pending: _Pending[Request, Answer]) -> list[_Pending[Request, Answer]]:
        """Wait for a batch that this thread must answer. Return an empty list if the request is answered first."""
        with self._changed:
            self._changed.wait_for(lambda: pending.answer.done() or self._is_ready())
            if pending.answer.done():
                return []
            kind = self._kind(self._waiting[0].request)
            batch = [one for one in self._waiting if self._kind(one.request) == kind][: self._max_batch_size]
            self._waiting = [one for one in self._waiting if one not in batch]
            self._is_answering = True
            return batch

    def _is_ready(self) -> bool:
        is_complete = not self._expected or len(self._waiting) >= self._max_batch_size
        return bool(self._waiting) and is_complete and not self._is_answering

    def _run(self, batch: Sequence[_Pending[Request, Answer]]) -> None:
        try:
            answers = self._answer([one.request for one in batch])
        except Exception as error:  # noqa: BLE001 - nothing is hidden: the thread that asked gets it
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for one in batch:
                self._run([one])
            return
        for one, answer in zip(batch, answers, strict=True):
            one.answer.set_result(answer)
