"""Answers on their way: an .npy file beside the output that fills up, and a note of which rows it has.

Of `open.npy` they are `open.npy.partial` and `open.npy.partial.json`. Rows are on the disk before the note says so:
whatever breaks off, what the note names is there.
"""

import io
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from sdb_client.errors import OutputTaken

try:
    import fcntl
except ImportError:  # Windows has no such lock: there, nothing stops a second run under the same output
    fcntl = None  # type: ignore[assignment]

FORMAT = "sdb-partial/1"

Span = tuple[int, int]  # rows: from, to


@dataclass(frozen=True)
class Order:
    """What is being answered. Rows of two orders are never mixed under one output."""

    account_id: str  # a delivered license is answered under a key of its own
    box_id: str
    images_sha256: str
    images: int
    classes: int
    dtype: str  # of the answers, as numpy writes it
    resize: bool


_DIFFERENCE = {
    "account_id": "to another account",
    "box_id": "of another box",
    "images_sha256": "to other images",
    "images": "to other images",
    "classes": "with other classes",
    "dtype": "in another precision",
    "resize": "with another resizing",
}


class Partial:
    """The rows of one order that have come."""

    def __init__(self, to: Path, order: Order) -> None:
        """Begin, or go on where an earlier run of the same order stopped.

        Raises:
            OutputTaken: `to` exists, or what lies beside it is of another order, damaged, or in use.
        """
        self._to, self._order = to, order
        self.file = to.with_name(f"{to.name}.partial")
        self._note = to.with_name(f"{to.name}.partial.json")
        self._has = np.zeros(order.images, bool)
        if to.exists():
            raise OutputTaken(f"{to} exists; remove it, or name another output.")
        self._rows: IO[bytes] = os.fdopen(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        try:
            self._lock()
            self._resume() if self.file.stat().st_size else self._begin()
        except BaseException:
            self._rows.close()
            raise

    @property
    def done(self) -> int:
        """How many rows have come."""
        return int(self._has.sum())

    def missing(self, most: int) -> Iterable[Span]:
        """The rows that have not come, in spans of at most so many."""
        for start, end in _runs(~self._has):
            for first in range(start, end, most):
                yield first, min(first + most, end)

    def keep(self, span: Span, rows: npt.NDArray[Any]) -> None:
        """Put rows [n, K] in their place."""
        start, end = span
        self._rows.seek(len(_header(self._order)) + start * self._order.classes * rows.itemsize)
        self._rows.write(rows.tobytes())
        self._flush()
        self._has[start:end] = True
        self._take_note()

    def finish(self) -> None:
        """All has come: the file takes its name."""
        self._rows.close()
        self.file.replace(self._to)
        self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave what has come for the next run; where nothing has, leave nothing."""
        if self._rows.closed:
            return
        if not self._has.any():
            self.file.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        self._rows.close()

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._rows, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputTaken(f"Another run is writing {self.file}; wait for it, or name another output.") from error

    def _begin(self) -> None:
        self._take_note()
        header = _header(self._order)
        self._rows.write(header)
        self._rows.truncate(len(header) + _bytes_of_rows(self._order))
        self._flush()

    def _resume(self) -> None:
        try:
            note = json.loads(self._note.read_bytes())
            given = {name: note[name] for name in asdict(self._order)}
            spans = [(int(start), int(end)) for start, end in note["done"]]
            is_known = note["format"] == FORMAT
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._taken("nothing that a note beside it explains") from error
        for name, wanted in asdict(self._order).items():
            if given[name] != wanted:
                raise self._taken(f"answers {_DIFFERENCE[name]}")
        header = _header(self._order)
        size = len(header) + _bytes_of_rows(self._order)
        if not is_known or self.file.stat().st_size != size or self._rows.read(len(header)) != header:
            raise self._taken("something else than the note beside it says")
        for start, end in spans:
            self._has[start:end] = True

    def _taken(self, what: str) -> OutputTaken:
        return OutputTaken(
            f"{self.file} holds {what}; name another output, or remove it and {self._note.name} to begin anew."
        )

    def _take_note(self) -> None:
        note = {"format": FORMAT, **asdict(self._order), "done": list(_runs(self._has))}
        handle, name = tempfile.mkstemp(dir=self._note.parent, prefix=f".{self._note.name}.")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                json.dump(note, file)
            Path(name).replace(self._note)
        finally:
            Path(name).unlink(missing_ok=True)

    def _flush(self) -> None:
        self._rows.flush()
        os.fsync(self._rows.fileno())


def _header(order: Order) -> bytes:
    file = io.BytesIO()
    shape = (order.images, order.classes)
    np.lib.format.write_array_header_1_0(file, {"descr": order.dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def _bytes_of_rows(order: Order) -> int:
    return order.images * order.classes * np.dtype(order.dtype).itemsize


def _runs(mask: npt.NDArray[np.bool_]) -> Iterable[Span]:
    """Where a mask is true, as spans."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
