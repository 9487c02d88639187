"""Those who ask, each with the evidence of the running day. So many are kept: those who asked last."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime

import numpy as np

from api.bodies.geometry import Geometry, Images
from api.monitoring.distinct import Hashes
from api.monitoring.evidence import Evidence, entropy
from api.monitoring.judging import Kind, Others
from api.monitoring.sketches import hashes_of, numbers_of, sketches_of
from api.monitoring.traffic import Logits, Standing
from sdb_service import clock

_AT_ONCE = 64


class Caller:
    """One who asks one box."""

    def __init__(self, standing: Standing, payer: str, *, since: datetime) -> None:
        box = standing.box
        self.box_id, self.payer, self.since = box.id, payer, since
        self.account_id = standing.caller.account_id if standing.caller else None
        self.evidence = Evidence(classes=box.num_classes, length=numbers_of(box.geometry))
        self.told: set[Kind] = set()
        self._geometry: Geometry = box.geometry

    def add(self, images: Iterable[Images], answers: Iterable[Logits], *, compared: int) -> None:
        """Note images that were looked at, and hold so many of them, evenly spread, against those before them."""
        pairs = list(zip(images, answers, strict=True))
        for kind in {batch.dtype for batch, _ in pairs}:
            batch: Images = np.concatenate([batch for batch, _ in pairs if batch.dtype == kind])
            labels = np.concatenate([logits.argmax(axis=1) for batch, logits in pairs if batch.dtype == kind])
            hashes = np.concatenate([self._hashed(batch[at : at + _AT_ONCE]) for at in range(0, len(batch), _AT_ONCE)])
            self.evidence.count(hashes, labels)
            step = slice(None, None, -(-len(batch) // compared))
            self.evidence.compare(hashes[step], sketches_of(batch[step], self._geometry), labels[step])

    @staticmethod
    def _hashed(images: Images) -> Hashes:
        time.sleep(0)  # the event loop may wait for the interpreter, which else changes hands after 5 ms
        return hashes_of(images)


class Callers:
    """Callers by box and payer, of this day in UTC."""

    def __init__(self, *, capacity: int, now: Callable[[], datetime] = clock.now) -> None:
        self._capacity, self._now = capacity, now
        self._callers: OrderedDict[tuple[str, str], Caller] = OrderedDict()
        self._day = now().date()

    def __len__(self) -> int:
        return len(self._callers)

    def of(self, standing: Standing, payer: str) -> Caller:
        """The caller's evidence, new where there is none of today."""
        now = self._now()
        if now.date() != self._day:
            self._callers.clear()
            self._day = now.date()
        key = standing.box.id, payer
        found = self._callers.get(key)
        if found is None:
            found = self._callers[key] = Caller(standing, payer, since=now)
            if len(self._callers) > self._capacity:
                self._callers.popitem(last=False)
        self._callers.move_to_end(key)
        return found

    def others(self, caller: Caller) -> Others:
        """What the other callers of the same box were answered."""
        alike = [one for one in self._callers.values() if one.box_id == caller.box_id and one is not caller]
        if not alike:
            return Others(0, None)
        labels = np.sum([one.evidence.labels for one in alike], axis=0)
        return Others(int(labels.sum()), entropy(labels))
