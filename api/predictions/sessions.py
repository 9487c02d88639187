"""Loaded boxes: ONNX Runtime sessions in an LRU by bytes, each loaded once however many ask at the same time."""

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from api import memory
from api.predictions.batching import Batcher
from api.predictions.known import KnownBox
from api.predictions.providers import CPU, ON_CPU, Provider, providers_for
from sdb_service.errors import NotFound, Unavailable
from sdb_service.runtime import Runtime
from sdb_service.storage import Storage

log = logging.getLogger(__name__)

Logits = npt.NDArray[np.float32]

_ROOM = 2**19  # bytes; of a thousand small boxes each took 0.4 MB
_WORTH_GIVING_BACK = 64 * 2**20  # bytes; to give memory back takes some milliseconds


@dataclass(frozen=True, eq=False)
class Engine:
    """What answers batches. `run` may be called from several threads."""

    session: ort.InferenceSession
    is_on_cpu: bool  # where the processor time of a batch tells how long it takes

    def run(self, batch: npt.NDArray[np.float32]) -> Logits:
        """Logits [N, K] of a batch [N, C, H, W] in normalised input space."""
        found: Logits = self.session.run(None, {"input": batch})[0]
        return found


@dataclass(eq=False)
class LoadedBox:
    """One box in memory, and its queue, which knows the engine and not the box: a circle would never be freed."""

    engine: Engine
    size: int
    batcher: Batcher | None = None  # it goes when the box is put aside, once it is empty


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: LoadedBox | None = None


def memory_of(onnx_bytes: int) -> int:
    """About what a loaded box takes: its weights as they are and in the engine's order, and room to compute in."""
    return 2 * onnx_bytes + _ROOM


class Sessions:
    """Loads boxes and keeps those used last, up to `capacity` bytes of memory.

    `providers` are asked for in this order; `provider` is the one that boxes really run on.
    """

    def __init__(self, storage: Storage, *, capacity: int, providers: Sequence[Provider] = (ON_CPU,)) -> None:
        self._storage = storage
        self._capacity = capacity
        self._providers = list(providers)
        self.provider = self._providers[0][0]
        log.info("boxes run on an ONNX Runtime provider", extra={"provider": self.provider})
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._lock = threading.Lock()
        self._put_aside = 0  # bytes of boxes that went since memory was last given back
        self.hits = 0
        self.misses = 0

    @classmethod
    def of(cls, runtime: Runtime) -> Self:
        """As the settings have it. Raises RuntimeError where they demand a provider that is not there."""
        settings = runtime.settings
        providers = providers_for(settings.onnx_provider)
        return cls(runtime.storage, capacity=settings.session_cache_bytes, providers=providers)

    @property
    def used(self) -> int:
        """Bytes of memory that the loaded boxes take, about."""
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
                self._give_back()
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
        return LoadedBox(self._opened(content), memory_of(len(content)))

    def _opened(self, content: bytes) -> Engine:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = ort.InferenceSession(content, options, providers=self._providers)
        found = session.get_providers()[0]
        if found != self.provider:  # without a driver ONNX Runtime goes on with the next one
            log.warning("boxes run on another provider", extra={"wanted": self.provider, "provider": found})
            self.provider = found
        return Engine(session, is_on_cpu=found == CPU)

    def _make_room(self, *, keep: str) -> None:
        with self._lock:
            used = self.used
            for box_id, slot in list(self._slots.items()):
                if used <= self._capacity:
                    return
                if box_id != keep and slot.loaded is not None:  # without it, the box is being loaded
                    used -= slot.loaded.size
                    self._put_aside += slot.loaded.size
                    del self._slots[box_id]

    def _give_back(self) -> None:
        # What went last may still be answering; it is given back the next time.
        with self._lock:
            is_worth_it = self._put_aside >= _WORTH_GIVING_BACK
            if is_worth_it:
                self._put_aside = 0
        if is_worth_it:
            memory.give_back()
