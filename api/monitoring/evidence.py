"""What one caller of one box has asked in a day, as numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from api.monitoring.distinct import DistinctCounter, Hashes, distinct_in_all
from api.monitoring.shapiro import shapiro_wilk
from api.monitoring.sketches import Distances, Sketches, distances

Labels = npt.NDArray[np.int64]  # [N]

KEPT = 1024  # sketches of a caller: the newest
NEAR = 0.125  # standard deviations of the box's input, root mean square
_BINS = 24
# As in PRADA's own code: classes with few distances and single far ones are left out.
_LEAST_OF_CLASS = 10
_LEAST_DISTANCES = 100
_OUTLIERS = 3.0  # standard deviations


@dataclass(frozen=True)
class Numbers:
    """The statistics of a caller; None where there is too little to say."""

    queries: int
    seen: int  # of them, whose images were looked at
    distinct: int  # estimated, of all queries
    compared: int  # newest different images that were held against those before them
    distilled: int  # under a license, on top of the queries
    near_duplicates: float  # share of those compared
    normality: float | None  # W of the distances to the nearest earlier image of the same answer
    label_entropy: float | None  # of the answers to different images, as a share of the most possible
    nearest: dict[str, list[Any]]  # histogram of the distances to the nearest earlier image

    @property
    def seen_share(self) -> float:
        return self.seen / self.queries if self.queries else 1.0


class Evidence:
    """Counts, and the newest `KEPT` different images as sketches [N, D]. Memory grows with what is asked, to 0.5 MB."""

    def __init__(self, *, classes: int, length: int) -> None:
        self.queries = 0
        self.seen = 0
        self.distilled = 0
        self.labels = np.zeros(classes, np.int64)  # answers to different images, by class
        self._distinct = DistinctCounter()
        self._ring = _Ring(length)

    def count(self, hashes: Hashes, labels: Labels) -> None:
        """Note images that were seen, and what they were answered."""
        self.seen += len(hashes)
        is_new = self._distinct.add(hashes)
        np.add.at(self.labels, labels[is_new], 1)

    def compare(self, hashes: Hashes, sketches: Sketches, labels: Labels) -> None:
        """Hold different images against the newest ones before them, and keep them. At most `KEPT` at a time."""
        self._ring.add(hashes, sketches, labels)

    def numbers(self) -> Numbers:
        """What can be said now."""
        nearest, alike = self._ring.nearest(), self._ring.nearest_alike()
        return Numbers(
            queries=self.queries,
            seen=self.seen,
            distinct=round(distinct_in_all(self._distinct.count, seen=self.seen, queries=self.queries)),
            compared=len(nearest),
            distilled=self.distilled,
            near_duplicates=float((nearest <= NEAR).mean()) if len(nearest) else 0.0,
            normality=normality(alike),
            label_entropy=entropy(self.labels),
            nearest=_histogram(nearest),
        )


class _Ring:
    """The newest different images, each with its distances to the nearest one that was there when it came."""

    def __init__(self, length: int) -> None:
        self._sketches = np.empty((0, length), np.float16)
        self._hashes = np.empty(0, np.uint64)
        self._labels = np.empty(0, np.int32)
        self._nearest = np.empty(0, np.float32)  # infinite where there was none
        self._alike = np.empty(0, np.float32)  # of the same answer

    def add(self, hashes: Hashes, sketches: Sketches, labels: Labels) -> None:
        different, first = np.unique(hashes, return_index=True)
        fresh = np.sort(first[~np.isin(different, self._hashes)])
        if not len(fresh):
            return
        sketches, labels = sketches[fresh], labels[fresh]
        known = np.concatenate([self._sketches, sketches])
        found = distances(sketches, known)  # [N, M + N]
        order = np.arange(len(known))
        found[order >= len(self._sketches) + np.arange(len(fresh))[:, None]] = np.inf  # itself, and later ones
        is_alike = np.concatenate([self._labels, labels]) == labels[:, None]
        self._sketches = known[-KEPT:]
        self._hashes = np.concatenate([self._hashes, hashes[fresh]])[-KEPT:]
        self._labels = np.concatenate([self._labels, labels.astype(np.int32)])[-KEPT:]
        self._nearest = np.concatenate([self._nearest, found.min(axis=1)])[-KEPT:]
        self._alike = np.concatenate([self._alike, np.where(is_alike, found, np.inf).min(axis=1)])[-KEPT:]

    def nearest(self) -> Distances:
        return self._nearest[np.isfinite(self._nearest)]

    def nearest_alike(self) -> Distances:
        is_known = np.isfinite(self._alike)
        often = np.bincount(self._labels[is_known], minlength=1) >= _LEAST_OF_CLASS
        is_known[is_known] = often[self._labels[is_known]]
        return self._alike[is_known]


def normality(found: Distances) -> float | None:
    """Shapiro and Wilk's W of distances without outliers, as in PRADA (arXiv 1805.02628, section V)."""
    if len(found) < _LEAST_DISTANCES:
        return None
    inner = found[np.abs(found - found.mean()) <= _OUTLIERS * found.std()]
    return shapiro_wilk(inner)


def entropy(counts: npt.NDArray[np.int64]) -> float | None:
    """Entropy of counts [K] as a share of log K; None where nothing was counted."""
    total = counts.sum()
    if total == 0 or len(counts) < 2:
        return None
    shares = counts[counts > 0] / total
    return float(abs((shares * np.log(shares)).sum()) / np.log(len(counts)))


def _histogram(found: Distances) -> dict[str, list[Any]]:
    """Counts of distances in bins of equal width from 0, and the bins' upper ends."""
    most = float(np.quantile(found, 0.99)) if len(found) else 0.0
    counts, edges = np.histogram(found, bins=_BINS, range=(0, max(most, 2 * NEAR)))
    return {"to": [round(float(edge), 4) for edge in edges[1:]], "images": counts.tolist()}
