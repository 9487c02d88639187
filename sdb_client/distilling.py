"""Open answers for a whole data set: a few requests under way at a time, each answer kept as it comes.

One thread decides, sends on, waits and writes; each request has a thread of its own that only asks.
"""

from collections import Counter, deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import httpx2
import numpy as np
import numpy.typing as npt

from sdb_client.arrays import from_npy, to_npy
from sdb_client.errors import (
    AnswerUnreadable,
    ConnectionFailed,
    NotAllowed,
    ProblemError,
    RateLimited,
    TooLarge,
)
from sdb_client.http import Wire, path
from sdb_client.images import Array, opened, sha256_of_array
from sdb_client.partial import Order, Partial, Span

_MOST_BYTES = 8 * 2**20  # of a request's body
_FIRST_PAUSE = 0.5  # seconds, doubled each time
_LONGEST_PAUSE = 15.0
_PATIENCE = 300.0  # seconds that a service which does not answer is waited for
_TIMEOUT = httpx2.Timeout(300.0, connect=10.0)  # a box may need minutes, and who gives up is counted again
_TRIES_OF_A_BUDGET = 3  # then the batch is larger than what a minute has left for it


@dataclass(frozen=True)
class DistillProgress:
    """How far a distillation is: images answered of all; if no request is sent now, for how many seconds, and why."""

    done: int
    total: int
    waits: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Asked:
    """A box of so many classes, and the account that asks it."""

    account_id: str
    box_id: str
    classes: int


Progress = Callable[[DistillProgress], None]
_Found = npt.NDArray[Any] | Exception


def distill_to(
    wire: Wire,
    asked: Asked,
    images: Path | str | Array,
    to: Path,
    *,
    batch: int,
    connections: int,
    half: bool,
    resize: bool,
    progress: Progress | None,
) -> Path:
    """As `Boxes.distill_to`."""
    with opened(images, scratch=to.parent) as array:
        dtype = "<f2" if half else "<f4"
        order = Order(asked.account_id, asked.box_id, sha256_of_array(array), len(array), asked.classes, dtype, resize)
        with closing(Partial(to, order)) as partial:
            _Distilling(wire, array, order, partial, progress, batch=batch, connections=connections).run()
            partial.finish()
    return to


class _Distilling:
    """The images of one order on their way through `POST /v1/boxes/{id}/distill`."""

    def __init__(
        self,
        wire: Wire,
        images: Array,
        order: Order,
        partial: Partial,
        progress: Progress | None,
        *,
        batch: int,
        connections: int,
    ) -> None:
        self._wire, self._images, self._order, self._partial = wire, images, order, partial
        self._progress, self._connections = progress, connections
        self._todo = deque(partial.missing(_fitting(batch, images)))
        self._under_way = 0
        self._arrived: SimpleQueue[tuple[Span, _Found]] = SimpleQueue()
        self._at_hand: deque[tuple[Span, _Found]] = deque()  # the outcome that is dealt with, until it is
        self._refused: Counter[Span] = Counter()
        self._pause, self._reason = 0.0, ""
        self._next_pause, self._waited = _FIRST_PAUSE, 0.0

    def run(self) -> None:
        """Ask until all has come.

        Whatever ends it, also Ctrl-C, the answers that are under way are counted already: they are awaited and kept.

        Raises:
            ConnectionFailed, ServerError: the service has not answered for minutes. NotAllowed, Invalid: it refuses.
        """
        try:
            self._tell()
            while self._todo or self._under_way:
                self._send()
                self._settle()
        except BaseException as end:
            if isinstance(end, KeyboardInterrupt) and self._under_way:
                self._tell(reason=f"stopping, {self._under_way} batches are under way")
            self._keep_the_rest()
            raise

    def _send(self) -> None:
        if self._pause and not self._under_way:
            self._wait()
        while not self._pause and self._todo and self._under_way < self._connections:
            Thread(target=self._ask, args=(self._todo.popleft(),), daemon=True).start()
            self._under_way += 1

    def _settle(self) -> None:
        span, found = self._next()
        if isinstance(found, Exception):
            self._send_again(span, found)
        else:
            self._partial.keep(span, found)
            self._next_pause, self._waited = _FIRST_PAUSE, 0.0
        self._at_hand.popleft()
        self._tell()

    def _keep_the_rest(self) -> None:
        while self._at_hand or self._under_way:
            span, found = self._next()
            if not isinstance(found, Exception):
                self._partial.keep(span, found)
            self._at_hand.popleft()
        self._tell()

    def _next(self) -> tuple[Span, _Found]:
        if not self._at_hand:
            self._at_hand.append(self._arrived.get())
            self._under_way -= 1
        return self._at_hand[0]

    def _send_again(self, span: Span, error: Exception) -> None:
        """Put a refused batch at the front once more, in halves if it is too much at once; or raise the error."""
        start, end = span
        self._refused[span] += 1
        if end - start > 1 and _is_too_much(error, tries=self._refused[span]):
            middle = (start + end) // 2
            self._todo.extendleft([(middle, end), (start, middle)])
        else:
            self._put_off(error)
            self._todo.appendleft(span)

    def _put_off(self, error: Exception) -> None:
        """Pause before the next request. Raises `error` where no waiting helps, or has not helped for minutes."""
        is_budget = isinstance(error, RateLimited)
        if not (is_budget or _is_outage(error)) or (not is_budget and self._waited >= _PATIENCE):
            raise error
        asked = error.retry_after if isinstance(error, ProblemError) else None
        self._pause = max(self._pause, asked or 0.0, self._next_pause)
        self._reason = str(error)

    def _wait(self) -> None:
        left = self._pause
        while left > 0:
            self._tell(waits=left, reason=self._reason)
            self._wire.sleep(min(1.0, left))
            left -= 1.0
        self._waited += self._pause
        self._next_pause = min(2 * self._next_pause, _LONGEST_PAUSE)
        self._pause = 0.0

    def _tell(self, *, waits: float = 0.0, reason: str = "") -> None:
        if self._progress is not None:
            self._progress(DistillProgress(self._partial.done, self._order.images, waits, reason))

    def _ask(self, span: Span) -> None:
        found: _Found
        try:
            found = self._answer(span)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread that waits must be told
            found = error
        self._arrived.put((span, found))

    def _answer(self, span: Span) -> npt.NDArray[Any]:
        start, end = span
        answer = self._wire.send(
            "POST",
            path("v1", "boxes", self._order.box_id, "distill"),
            params={"resize": self._order.resize},
            content=to_npy(self._images[start:end]),
            headers=_HEADERS[self._order.dtype],
            repeatable=False,
            timeout=_TIMEOUT,
        )
        rows = from_npy(answer.content)
        if rows.shape != (end - start, self._order.classes) or rows.dtype.str != self._order.dtype:
            raise AnswerUnreadable(f"The answer to {end - start} images is an array {rows.dtype} {rows.shape}")
        return rows


_NPY = "application/x-npy"
_HEADERS = {
    "<f4": {"Content-Type": _NPY, "Accept": _NPY},
    "<f2": {"Content-Type": _NPY, "Accept": f"{_NPY}; dtype=float16"},
}


def _fitting(batch: int, images: Array) -> int:
    """So many images as one body should carry at most."""
    bytes_each = images[:1].size * (1 if images.dtype == np.uint8 else 4)
    return max(1, min(batch, _MOST_BYTES // max(1, bytes_each)))


def _is_too_much(error: Exception, *, tries: int) -> bool:
    """Whether half of the batch may be answered where the whole is not."""
    if isinstance(error, RateLimited):
        return error.code == "image_budget_spent" and tries >= _TRIES_OF_A_BUDGET
    if isinstance(error, NotAllowed):
        return error.code == "license_predictions_used_up"
    return isinstance(error, TooLarge)


def _is_outage(error: Exception) -> bool:
    return isinstance(error, ConnectionFailed) or (isinstance(error, ProblemError) and error.status in (502, 503, 504))
