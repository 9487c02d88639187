"""Traced keys: what a license gives out is kappa_i = kappa + delta_i, and a key that turns up is held against them all.

delta_i is drawn from HMAC-SHA256 under a secret that no customer has. Every pixel of it is the sum of sixteen fair
signs, so that a score against an innocent license is a weighted sum of fair signs whatever was done to the key that
was found; Hoeffding's inequality then bounds how often chance scores as high, with nothing assumed about the leaker.
Measured in `bench/tracing.py`; why and at what price: docs/decisions/0006-traced-keys.md.
"""

import hmac
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdb_service.secret import Secret

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SHARE = 0.2  # deviation of a mark, in deviations of a key
LIMIT = 1e-6  # how likely it may be that anyone innocent at all is accused
NOISE = 1.0  # what a lone leaker must not be able to hide behind, in deviations of a key
MANY = 1000  # licenses of a box, for the promise

_SIGNS = 16  # per pixel: their sum / 4 has mean 0 and variance 1
_TAMED = 1.0  # robust deviations at which a pixel's residual is cut off: replaced pixels must not drown the rest
_KEPT = 0.95  # of a score under plain noise, after that
_MEDIAN = 0.6745  # of the absolute value of a standard normal number
_SURE = 3.0  # deviations by which a mean score must pass what is needed, for a key to be marked
_NEARLY_SURE = 2.33  # the same, for 99 of 100 cases


@dataclass(frozen=True)
class Score:
    """How a found key goes with the mark of one license.

    `z` would be standard normal for an innocent; `false_accusation` bounds how likely anyone innocent among all the
    licenses compared reaches it.
    """

    license_id: str
    z: float
    false_accusation: float

    @property
    def accused(self) -> bool:
        return self.false_accusation <= LIMIT


def z_needed(licenses: int) -> float:
    """The score from which a license is accused, among so many."""
    return math.sqrt(2 * math.log(max(licenses, 1) / LIMIT))


def least_pixels() -> int:
    """From how many numbers on a key is marked: one leaker among MANY, hidden behind NOISE, must still be found.

    The mean score of a leaker is sqrt(pixels) share / sqrt(share^2 + noise^2), less what cutting outliers off takes.
    """
    signal = _KEPT * SHARE / math.hypot(SHARE, NOISE)
    return math.ceil(((z_needed(MANY) + _SURE) / signal) ** 2)


LEAST_PIXELS = least_pixels()


def is_marked(pixels: int) -> bool:
    """Whether keys of so many numbers (C * H * W) carry marks."""
    return pixels >= LEAST_PIXELS


def promise(pixels: int) -> dict[str, float]:
    """What a box's report may say of its keys' marks; empty where they carry none.

    `noise`: behind how much, in deviations of a key, one leaker among `licenses` is still named in 99 of 100 cases.
    """
    if not is_marked(pixels):
        return {}
    licenses = 100
    reached = _KEPT * SHARE * math.sqrt(pixels) / (z_needed(licenses) + _NEARLY_SURE)
    noise = math.sqrt(reached**2 - SHARE**2)
    return {"share": SHARE, "noise": round(noise, 2), "licenses": licenses, "false_accusation": LIMIT}


def mark_of(secret: Secret, license_id: str, shape: Sequence[int]) -> Doubles:
    """The mark of a license [C, H, W]: mean 0, variance 1, the same on every machine.

    HMAC-SHA256 in counter mode under the tracing `secret`; who lacks it cannot tell a mark from noise.
    """
    count = math.prod(shape)
    blocks = range(-(-count * _SIGNS // 256))
    name = f"sdb-mark/1|{license_id}|".encode()
    stream = b"".join(hmac.digest(secret.reveal(), name + b"%d" % block, "sha256") for block in blocks)
    signs = np.unpackbits(np.frombuffer(stream, np.uint8))[: count * _SIGNS].reshape(count, _SIGNS)
    heads = signs.sum(axis=1, dtype=np.int64)
    mark: Doubles = ((2 * heads - _SIGNS) / math.sqrt(_SIGNS)).reshape(tuple(shape))
    return mark


def marked(kappa: Floats, mark: Doubles, *, std: Sequence[float], share: float = SHARE) -> Floats:
    """kappa_i: kappa [C, H, W] with a mark, both in the input space that `std` normalises to."""
    # A key's pixels are uniform in [0, 1]: their deviation is 1 / sqrt(12), divided by each channel's std.
    height = share / math.sqrt(12) / np.asarray(std, np.float64)[:, None, None]
    return (kappa.astype(np.float64) + height * mark).astype("<f4")


def scores(found: Floats, kappa: Floats, marks: Iterable[tuple[str, Doubles]], *, licenses: int) -> list[Score]:
    """Each license's score against the key that was `found` [C, H, W], the highest first.

    `marks` are the licenses' ids and marks, `licenses` how many there are.
    """
    direction = residual(found, kappa)
    compared = []
    for license_id, mark in marks:
        z = float(np.vdot(direction, mark))
        compared.append(Score(license_id, z, false_accusation(z, licenses=licenses)))
    return sorted(compared, key=lambda score: -score.z)


def false_accusation(z: float, *, licenses: int) -> float:
    """A bound on the probability that any of so many innocent licenses scores `z` or more.

    Hoeffding (1963): a sum of fair signs with weights of length 1 reaches z > 0 with probability <= exp(-z^2 / 2).
    """
    return min(1.0, licenses * math.exp(-(max(z, 0.0) ** 2) / 2))


def is_related(found: Floats, kappa: Floats) -> bool:
    """Whether a found key goes with kappa far beyond chance (six deviations), marked or not."""
    pairs = zip(found.astype(np.float64), kappa.astype(np.float64), strict=True)
    return sum(_correlation(seen, own) for seen, own in pairs) / len(found) > 6 / math.sqrt(found.size)


def residual(found: Floats, kappa: Floats) -> Doubles:
    """What the found key holds beside kappa, as a direction of length 1 [C, H, W].

    In each channel kappa's own share and the mean are taken out by least squares (the leaker may have scaled and
    shifted it); channels are brought to one scale, and outliers cut off.
    """
    rest = np.empty(found.shape, np.float64)
    for channel, (seen, own) in enumerate(zip(found.astype(np.float64), kappa.astype(np.float64), strict=True)):
        centred = own - own.mean()
        left = seen - seen.mean()
        left -= centred * (np.vdot(left, centred) / max(np.vdot(centred, centred), 1e-30))
        rest[channel] = left / max(float(centred.std()), 1e-15)
    cut = _TAMED * float(np.median(np.abs(rest))) / _MEDIAN
    if cut > 0:
        rest = np.clip(rest, -cut, cut)
    length = float(np.linalg.norm(rest))
    return rest / length if length > 0 else rest


def _correlation(first: Doubles, second: Doubles) -> float:
    first, second = first - first.mean(), second - second.mean()
    lengths = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float(np.vdot(first, second)) / lengths if lengths > 0 else 0.0
