"""Micro-batching: whatever came while the last batch ran forms the next. Nothing waits when the box is idle.

A batch is at most `MOST_IMAGES`, about where a CPU is fastest, and bounds memory. A larger request goes through in
slices, and after each the others have their turn. A short batch runs on the event loop itself, since waking another
thread would cost more than it does; a longer one runs on the one thread of `runner`, and the loop stays free.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from api.bodies.geometry import Batch, Images, Pixels
from api.predictions.budgets import Budget
from api.predictions.known import Standing
from api.predictions.tickets import Reply, Ticket
from sdb_service.errors import Invalid, ServiceError, Unavailable

Logits = npt.NDArray[np.float32]  # [N, K]

MOST_IMAGES = 32
MOST_WAITING = 8192  # images in the queue of one box; a request that finds fewer is always taken
_INLINE_SECONDS = 0.004
_FORGETTING = 0.2  # of the old estimate of an image's time, a batch


class Runs(Protocol):
    """Something that answers batches; safe to call from any thread."""

    def run(self, batch: Batch) -> Logits: ...


@dataclass(eq=False, slots=True)
class Question:
    """The images of one request, and who is told of the answer."""

    ticket: Ticket
    images: Images
    budget: Budget
    told: Callable[[Reply | ServiceError], None]
    started: float
    logits: Logits | None = None  # of the images that are done, where not all go in one batch
    begun: int = 0  # images that are in a batch or were in one
    is_gone: bool = False
    is_told: bool = False


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
_Slice = tuple[Question, int, int]  # from, to


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

    def submit(self, question: Question) -> None:
        """Put a request at the end of the queue; it is told on this event loop.

        Raises:
            Unavailable: the queue is full.
        """
        if self.is_full:
            raise Unavailable("box_busy", "The box has more to answer than it can now; ask again in a second.")
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
        if count * self._per_image <= _INLINE_SECONDS:
            loop.call_soon(self._turn)  # not a loop here: what has arrived meanwhile joins the next batch
            self._finish(slices, count, self._run(slices))
            return
        running = loop.run_in_executor(self._runner, self._run, slices)
        running.add_done_callback(lambda done: self._resume(slices, count, done))

    def _resume(self, slices: list[_Slice], count: int, done: "asyncio.Future[_Ran]") -> None:
        asyncio.get_running_loop().call_soon(self._turn)
        self._finish(slices, count, done.result())

    def _next_batch(self) -> tuple[list[_Slice], int]:
        slices: list[_Slice] = []
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

    def _run(self, slices: list[_Slice]) -> _Ran:
        started = time.thread_time()  # not the wall's: on a busy machine that would send ever more to the other thread
        try:
            logits = self._box.run(_assembled(slices))
            self._learn(len(logits), time.thread_time() - started)
        except Exception as error:  # noqa: BLE001 - whatever the engine raises, those who wait must be told
            return None, _broken(error)
        return logits, None

    def _learn(self, images: int, seconds: float) -> None:
        each, known = seconds / images, self._per_image < math.inf
        self._per_image = self._per_image + _FORGETTING * (each - self._per_image) if known else each
        self._tally.sizes[images] += 1
        self._tally.seconds += seconds

    def _finish(self, slices: list[_Slice], count: int, ran: _Ran) -> None:
        self._wait(-count)
        logits, error = ran
        if logits is None:
            self._fail([question for question, _, _ in slices], error or _broken(None))
            return
        if np.isfinite(logits).all() and all(end - start == len(one.images) for one, start, end in slices):
            self._tell([question for question, _, _ in slices], logits)
            return
        row = 0
        for question, start, end in slices:
            found = logits[row : row + end - start]
            row += end - start
            if not np.isfinite(found).all():
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


class _Scratch(threading.local):
    """One batch for each thread, written over by the next: fresh memory costs a page fault every 4 KiB."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.float32)

    def batch(self, shape: tuple[int, ...]) -> Batch:
        size = math.prod(shape)
        if size > len(self._room):
            self._room = np.empty(size, np.float32)
        return self._room[:size].reshape(shape)


_SCRATCH = _Scratch()


def blend(batch: Batch, kappa: Batch, *, lam: float, out: Batch | None = None) -> Batch:
    """x~ = lambda x + (1 - lambda) kappa (Eq. 5) for x [N, C, H, W] and kappa [C, H, W], in float32."""
    share = np.float32(lam)
    found = np.multiply(batch, share, out=out)
    found += (np.float32(1) - share) * kappa
    return found


def as_net_takes(images: Images, standing: Standing, *, out: Batch | None = None) -> Batch:
    """Images [N, C, H, W] in normalised input space; under a key, x~ = lambda x + (1 - lambda) kappa (Eq. 5)."""
    batch = standing.box.geometry.normalised(images, out=out)
    return batch if standing.kappa is None else blend(batch, standing.kappa, lam=standing.box.lam, out=out)


def _assembled(slices: list[_Slice]) -> Batch:
    standing = slices[0][0].ticket.standing
    geometry = standing.box.geometry
    out = _SCRATCH.batch((MOST_IMAGES, geometry.channels, geometry.height, geometry.width))
    if len(slices) == 1:
        question, start, end = slices[0]
        return np.ascontiguousarray(as_net_takes(question.images[start:end], standing, out=out[: end - start]))
    parts = [question.images[start:end] for question, start, end in slices]
    is_plain = all(question.ticket.standing.kappa is None for question, _, _ in slices)
    if is_plain and all(images.dtype == np.uint8 for images in parts):
        pixels: Pixels = np.concatenate(parts)
        return as_net_takes(pixels, standing, out=out[: len(pixels)])
    pairs = zip(parts, slices, strict=True)
    return np.concatenate([as_net_takes(images, question.ticket.standing) for images, (question, _, _) in pairs])


def _not_finite() -> Invalid:
    return Invalid("answer_not_finite", "The box has no finite answer to such values; send normalised images.")


def _broken(error: Exception | None) -> ServiceError:
    failure = ServiceError("box_failed", "The box failed on this batch; tell the operator the request_id.")
    failure.__cause__ = error
    return failure
