"""Watching what boxes are asked: a note on the event loop, and all that takes time on a thread of its own.

Under load only a part is looked at, and the numbers say which: in each pass as many images as fit into `ROOM`. A pass
begins a second after the first note and takes at most a hundredth of a core. With nothing asked nothing runs.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from api.bodies.geometry import Images
from api.monitoring.callers import Caller, Callers
from api.monitoring.traffic import Box, Logits, Question, Ticket
from sdb_service.identity import Caller as Account

log = logging.getLogger(__name__)

ROOM = 4 * 2**20  # bytes of images and answers that wait for a pass
_EACH = 1024  # bytes that an image counts on top of its own: small ones cost time, too
SECONDS = 1.0  # from the first note to its pass
_SHARE = 0.01  # of the time, that passes may take
_MOST_NOTES = 4096  # that wait for a pass
_LARGEST_SIDE = 64  # of what is copied of an image: of larger ones every so many rows and columns
_COMPARED = 512  # images a pass
_COMPARED_OF_ONE = 64
_LEAST_COMPARED = 4


class Tell(Protocol):
    """Hears of those whose numbers may have changed."""

    def __call__(self, touched: Sequence[Caller], callers: Callers) -> None: ...


# The bytes of images, their dtype and shape, all logits of the batch, the images' first row in it, and the step.
_Part = tuple[bytes, "np.dtype[Any]", tuple[int, ...], Logits, int, int]


@dataclass(frozen=True)
class _Keyless:
    """Who asks which box, without the key that `distill` brings along: nothing here keeps that alive."""

    caller: Account | None
    box: Box
    is_owner: bool


class _Note:
    """What came under one ticket since the last pass."""

    __slots__ = ("distils", "keeps", "parts", "payer", "queries", "standing")

    def __init__(self, ticket: Ticket) -> None:
        standing = ticket.standing
        self.standing = _Keyless(standing.caller, standing.box, standing.is_owner)
        self.payer = ticket.payer
        self.distils = ticket.kind == "distill"
        self.keeps = not self.distils and not standing.is_owner
        self.queries = 0
        self.parts: list[_Part] = []

    def read(self) -> tuple[list[Images], list[Logits]]:
        """Images and their logits."""
        images = [np.frombuffer(content, kind).reshape(shape) for content, kind, shape, *_ in self.parts]
        pairs = zip(images, self.parts, strict=True)
        rows = [logits[row::step][: len(batch)] for batch, (*_, logits, row, step) in pairs]
        return images, rows


class Watch:
    """One for each process. `saw` is for the event loop; `look` reads what it noted, on the thread or in a test."""

    def __init__(self, callers: Callers, tell: Tell, *, is_on: bool = True) -> None:
        self._callers, self._tell, self._is_on = callers, tell, is_on
        self._lock, self._looking = threading.Lock(), threading.Lock()
        self._notes: dict[Ticket | tuple[str, str], _Note] = {}
        self._room = ROOM
        self._awake, self._over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def saw(self, questions: Sequence[Question], logits: Logits) -> None:
        """Note requests of one box that were answered; their logits [N, K] lie one after the other and are kept."""
        if not self._is_on:
            return
        row = 0
        with self._lock:
            for question in questions:
                images, ticket = question.images, question.ticket
                count = len(images)
                note = self._notes.get(ticket) or self._begin(ticket)
                note.queries += count
                if note.keeps and self._room > 0:
                    self._keep(note, images, logits, row)
                row += count
            self._room -= logits.nbytes
        if not self._awake.is_set():
            self._wake()

    def look(self) -> None:
        """One pass: read what was noted, and tell of whom it came from."""
        with self._looking:
            self._tell(self._read(), self._callers)

    def _read(self) -> list[Caller]:
        with self._lock:
            notes, self._notes, self._room = self._notes, {}, ROOM
        compared = min(_COMPARED_OF_ONE, max(_LEAST_COMPARED, _COMPARED // max(1, len(notes))))
        touched: dict[Caller, None] = {}
        for note in notes.values():
            if note.standing.is_owner:
                continue
            caller = self._callers.of(note.standing, note.payer)
            if note.distils:
                caller.evidence.distilled += note.queries
            else:
                caller.evidence.queries += note.queries
                caller.add(*note.read(), compared=compared)
                touched[caller] = None
        return list(touched)

    def close(self) -> None:
        """End the thread; what waits is not looked at any more."""
        self._over.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _begin(self, ticket: Ticket) -> _Note:
        # A ticket of `distill` holds the key, so its note has another name.
        name = ticket if ticket.kind == "predict" else (ticket.standing.box.id, ticket.payer)
        note = self._notes.get(name)
        if note is None:
            note = _Note(ticket)
            if len(self._notes) < _MOST_NOTES:
                self._notes[name] = note
            else:
                note.keeps = False
        return note

    def _keep(self, note: _Note, images: Images, logits: Logits, row: int) -> None:
        """Copy images, for they may be views into bodies many times as large."""
        _, height, width, last = shape = images.shape
        if height > _LARGEST_SIDE or width > _LARGEST_SIDE or last > _LARGEST_SIDE:
            images = _thinned(images)
            shape = images.shape
        step = 1
        if shape[0] > 1:
            # Evenly spread, and half of the room at most: a large request leaves the others something.
            step = -(-2 * (images.nbytes + _EACH * shape[0]) // self._room)
            images = images[::step]
            shape = images.shape
        content = images.tobytes()
        self._room -= len(content) + _EACH * shape[0]
        note.parts.append((content, images.dtype, shape, logits, row, step))

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
            self._thread.start()
        self._awake.set()

    def _run(self) -> None:
        pause = SECONDS
        while True:
            self._awake.wait()
            if self._over.wait(pause):
                return
            self._awake.clear()
            started = time.thread_time()
            try:
                self.look()
            except Exception:
                log.exception("the monitor failed on a pass and goes on with the next")
            pause = max(SECONDS, (time.thread_time() - started) / _SHARE)


def _thinned(images: Images) -> Images:
    """Every so many rows and columns of images [N, H, W, C] or [N, C, H, W]: at most `_LARGEST_SIDE` of each."""
    first = 1 if images.dtype == np.uint8 else 2
    rows, columns = (slice(None, None, -(-size // _LARGEST_SIDE)) for size in images.shape[first : first + 2])
    return images[:, rows, columns] if first == 1 else images[:, :, rows, columns]
