"""Loaded boxes: ONNX Runtime sessions in an LRU by bytes, each loaded once however many ask at the same time."""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from sdb_service.errors import Invalid, NotFound, Unavailable
from sdb_service.storage import Storage
from sdb_service.tables import Box

Logits = npt.NDArray[np.float32]


@dataclass
class _Slot:
    lock: threading.Lock
    session: ort.InferenceSession | None = None
    size: int = 0


class Sessions:
    """Runs boxes; keeps those used last, up to `capacity` bytes of ONNX."""

    def __init__(self, storage: Storage, *, capacity: int) -> None:
        self._storage = storage
        self._capacity = capacity
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def logits(self, box: Box, batch: npt.NDArray[np.float32]) -> Logits:
        """The box's answers [N, K] to a batch [N, C, H, W].

        Raises:
            Invalid: the answers are not finite. Unavailable: the stored box is damaged or gone.
        """
        session = self._session(box)
        found: Logits = session.run(None, {"input": batch})[0]
        if not np.isfinite(found).all():
            raise Invalid("answer_not_finite", "The box has no finite answer to such values; send normalised images.")
        return found

    def _session(self, box: Box) -> ort.InferenceSession:
        with self._lock:
            slot = self._slots.setdefault(box.id, _Slot(threading.Lock()))
            self._slots.move_to_end(box.id)
        with slot.lock:
            if slot.session is None:
                slot.session, slot.size = self._load(box)
                self._make_room(keep=box.id)
            return slot.session

    def _load(self, box: Box) -> tuple[ort.InferenceSession, int]:
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
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"]), len(content)

    def _make_room(self, *, keep: str) -> None:
        with self._lock:
            used = sum(slot.size for slot in self._slots.values())
            for box_id in list(self._slots):
                if used <= self._capacity:
                    return
                if box_id != keep and self._slots[box_id].size:  # without a size it is being loaded
                    used -= self._slots.pop(box_id).size
