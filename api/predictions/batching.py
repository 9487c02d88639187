"""Micro-batching: whatever came while the last batch ran forms the next. Nothing waits when the box is idle.

A batch is at most `MOST_IMAGES`, where a CPU is fastest: what a layer leaves for the next still lies in its cache. A
larger request goes through in slices, and after each the others have their turn. A short batch runs on the event loop
itself, since waking another thread would cost more than it does; a longer one runs on the one thread of `runner`, and
the loop stays free.
"""

import asyncio
import math
import time
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from api.bodies.geometry import Batch
from api.predictions.assembling import assembled
from api.predictions.questions import Question, Slice
from sdb_service.errors import Invalid, ServiceError, Unavailable

Logits = npt.NDArray[np.float32]  # [N, K]

MOST_IMAGES = 16
MOST_WAITING = 8192  # images in the queue of one box; a request that finds fewer is always taken
_INLINE_SECONDS = 0.004
_FORGETTING = 0.2  # of the old estimate of an image's time, a batch


class Runs(Protocol):
    """Something that answers batches; safe to call from any thread."""

    @property
    def is_on_cpu(self) -> bool: ...

    def run(self, batch: Batch) -> Logits: ...


@dataclass
class Tally:
    """What the batches of a process were: how many of each size, and how many images wait."""

    sizes: list[int] = field(default_factory=lambda: [0] * (MOST_IMAGES + 1))
    seconds: float = 0.0
    waiting: int = 0


class Deliver(Protocol):
    """Tells those who asked: their logits lie one after the other."""

    def __call__(self, questions: list[Question], logits: Logits) -> None: ...


_Ran = tuple[Logits | None, ServiceError | None]


class Batcher:
    """The queue of one box. All but `Runs.run` happens on one event loop."""

    def __init__(self, box: Runs, *, runner: Executor, deliver: Deliver, tally: Tally | None = None) -> None:
        self._box, self._runner, self._deliver = box, runner, deliver
        self._tally = tally or Tally()
        self._queue: deque[Question] = deque()
        self._waiting = 0
        self._is_turning = False
        self._per_image = math.inf  # seconds; unknown until the first batch, which therefore leaves the loop free

    @property
    def is_full(self) -> bool:
        return self._waiting >= MOST_WAITING

    def require_room(self) -> None:
        """Raise `Unavailable` where the queue is full."""
        if self.is_full:
            raise Unavailable("box_busy", "The box has more to answer than it can now; ask again in a second.")

    def submit(self, question: Question) -> None:
        """Put a request at the end of the queue; it is told on this event loop. Raises as `require_room`."""
        if self._waiting >= MOST_WAITING:
            self.require_room()
        self._wait(len(question.images))
        self._queue.append(question)
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _wait(self, images: int) -> None:
        self._waiting += images
        self._tally.waiting += images

    def _turn(self) -> None:
        slices, count = self._next_batch()
        if not count:
            self._is_turning = False
            return
        loop = asyncio.get_running_loop()
        if self._box.is_on_cpu and count * self._per_image <= _INLINE_SECONDS:
            loop.call_soon(self._turn)  # not a loop here: what has arrived meanwhile joins the next batch
            self._finish(slices, count, self._run(slices))
            return
        running = loop.run_in_executor(self._runner, self._run, slices)
        running.add_done_callback(lambda done: self._resume(slices, count, done))

    def _resume(self, slices: list[Slice], count: int, done: "asyncio.Future[_Ran]") -> None:
        asyncio.get_running_loop().call_soon(self._turn)
        self._finish(slices, count, done.result())

    def _next_batch(self) -> tuple[list[Slice], int]:
        slices: list[Slice] = []
        queue, room = self._queue, MOST_IMAGES
        while queue and room:
            question = queue.popleft()
            start = question.begun
            left = len(question.images) - start
            if question.is_gone:
                self._wait(-left)
                continue
            taken = min(left, room)
            question.begun = start + taken
            slices.append((question, start, start + taken))
            room -= taken
            if taken < left:
                queue.append(question)  # behind the others
        return slices, MOST_IMAGES - room

    def _run(self, slices: list[Slice]) -> _Ran:
        started = time.thread_time()  # not the wall's: on a busy machine that would send ever more to the other thread
        try:
            logits = self._box.run(assembled(slices, most=MOST_IMAGES))
            self._learn(len(logits), time.thread_time() - started)
        except Exception as error:  # noqa: BLE001 - whatever the engine raises, those who wait must be told
            return None, _broken(error)
        return logits, None

    def _learn(self, images: int, seconds: float) -> None:
        each, known = seconds / images, self._per_image < math.inf
        self._per_image = self._per_image + _FORGETTING * (each - self._per_image) if known else each
        self._tally.sizes[images] += 1
        self._tally.seconds += seconds

    def _finish(self, slices: list[Slice], count: int, ran: _Ran) -> None:
        self._wait(-count)
        logits, error = ran
        if logits is None:
            self._fail([question for question, _, _ in slices], error or _broken(None))
            return
        is_finite = bool(np.isfinite(logits).all())
        if is_finite and all(end - start == len(one.images) for one, start, end in slices):
            self._tell([question for question, _, _ in slices], logits)
            return
        row = 0
        for question, start, end in slices:
            found = logits[row : row + end - start]
            row += end - start
            if not (is_finite or np.isfinite(found).all()):
                self._fail([question], _not_finite())
            elif not question.is_gone:
                self._keep(question, found, start, end)

    def _keep(self, question: Question, found: Logits, start: int, end: int) -> None:
        if question.logits is None:
            question.logits = np.empty((len(question.images), found.shape[1]), np.float32)
        question.logits[start:end] = found
        if end == len(question.images):
            self._tell([question], question.logits)

    def _tell(self, questions: list[Question], logits: Logits) -> None:
        try:
            self._deliver(questions, logits)
        except Exception as error:  # noqa: BLE001 - as in `_run`
            self._fail([question for question in questions if not question.is_told], _broken(error))

    def _fail(self, questions: list[Question], error: ServiceError) -> None:
        for question in questions:
            if not question.is_gone:
                question.is_gone = True  # the rest of its images is dropped when its turn comes
                question.told(error)


def _not_finite() -> Invalid:
    return Invalid("answer_not_finite", "The box has no finite answer to such values; send normalised images.")


def _broken(error: Exception | None) -> ServiceError:
    failure = ServiceError("box_failed", "The box failed on this batch; tell the operator the request_id.")
    failure.__cause__ = error
    return failure
