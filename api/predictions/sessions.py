"""Loaded boxes: ONNX Runtime sessions in an LRU by bytes, each loaded once however many ask at the same time."""

import hashlib
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from api.predictions.batching import Batcher
from api.predictions.known import KnownBox
from sdb_service.errors import NotFound, Unavailable
from sdb_service.storage import Storage

Logits = npt.NDArray[np.float32]


@dataclass(eq=False)
class LoadedBox:
    """One box in memory. `run` may be called from several threads."""

    session: ort.InferenceSession
    size: int
    batcher: Batcher | None = None  # it goes when the box is put aside, once its queue is empty

    def run(self, batch: npt.NDArray[np.float32]) -> Logits:
        """Logits [N, K] of a batch [N, C, H, W] in normalised input space."""
        found: Logits = self.session.run(None, {"input": batch})[0]
        return found


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: LoadedBox | None = None


class Sessions:
    """Loads boxes and keeps those used last, up to `capacity` bytes of ONNX."""

    def __init__(self, storage: Storage, *, capacity: int) -> None:
        self._storage = storage
        self._capacity = capacity
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    @property
    def used(self) -> int:
        """Bytes of ONNX in memory."""
        return sum(slot.loaded.size for slot in list(self._slots.values()) if slot.loaded is not None)

    def __len__(self) -> int:
        return sum(slot.loaded is not None for slot in list(self._slots.values()))

    def peek(self, box: KnownBox) -> LoadedBox | None:
        """The box if it is in memory, without waiting."""
        slot = self._slots.get(box.id)
        if slot is None or slot.loaded is None:
            return None
        self.hits += 1
        with suppress(KeyError):  # put aside by another thread just now; what is in hand is still good
            self._slots.move_to_end(box.id)
        return slot.loaded

    def load(self, box: KnownBox) -> LoadedBox:
        """The box, read from the store if it is not in memory.

        Raises:
            Unavailable: the stored box is damaged or gone.
        """
        with self._lock:
            slot = self._slots.setdefault(box.id, _Slot())
            self._slots.move_to_end(box.id)
        with slot.lock:
            if slot.loaded is None:
                self.misses += 1
                slot.loaded = self._read(box)
                self._make_room(keep=box.id)
            return slot.loaded

    def _read(self, box: KnownBox) -> LoadedBox:
        try:
            content = b"".join(self._storage.read(box.onnx_key))
        except NotFound as error:  # the public must not read of keys in the store
            raise Unavailable("box_damaged", "The stored box is gone; the operator must restore it.") from error
        if hashlib.sha256(content).hexdigest() != box.onnx_sha256:
            raise Unavailable(
                "box_damaged", "The stored box has changed since it was made; the operator must restore it."
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return LoadedBox(ort.InferenceSession(content, options, providers=["CPUExecutionProvider"]), len(content))

    def _make_room(self, *, keep: str) -> None:
        with self._lock:
            used = self.used
            for box_id, slot in list(self._slots.items()):
                if used <= self._capacity:
                    return
                if box_id != keep and slot.loaded is not None:  # without it, the box is being loaded
                    used -= slot.loaded.size
                    del self._slots[box_id]
