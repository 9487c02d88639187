"""The Shapiro-Wilk statistic, after Royston's AS R94 (Applied Statistics 44(4), 1995, 547-551). scipy is not needed."""

from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

LEAST = 12
# Royston's polynomials in 1 / sqrt(n) for the two outermost coefficients, highest power first.
_OUTERMOST = (-2.706056, 4.434685, -2.07119, -0.147981, 0.221157, 0.0)
_NEXT = (-3.582633, 5.682633, -1.752461, -0.293762, 0.042981, 0.0)


def shapiro_wilk(values: npt.NDArray[np.floating]) -> float:
    """W in (0, 1]: near 1 where values [N] look like draws of one normal distribution. Values that are all equal: 1.

    Raises:
        ValueError: fewer than 12 values.
    """
    if len(values) < LEAST:
        raise ValueError(f"W needs at least {LEAST} values")
    ordered = np.sort(values.astype(np.float64))
    deviations = ordered - ordered.mean()
    total = float(deviations @ deviations)
    if ordered[-1] - ordered[0] <= 1e-12 * max(abs(ordered[0]), abs(ordered[-1]), 1e-12):
        return 1.0
    return min(1.0, float(_coefficients(len(ordered)) @ ordered) ** 2 / total)


@lru_cache(16)
def _coefficients(count: int) -> npt.NDArray[np.float64]:
    """The weights [N] of the ordered values, with length 1: nearly the expected values of normal order statistics."""
    normal = NormalDist()
    expected = np.array([normal.inv_cdf((rank - 0.375) / (count + 0.25)) for rank in range(1, count + 1)])
    length = float(expected @ expected)
    scale = 1 / np.sqrt(count)
    last = np.polyval(_OUTERMOST, scale) + expected[-1] / np.sqrt(length)
    next_to_last = np.polyval(_NEXT, scale) + expected[-2] / np.sqrt(length)
    rest = length - 2 * expected[-1] ** 2 - 2 * expected[-2] ** 2
    weights: npt.NDArray[np.float64] = expected * np.sqrt((1 - 2 * last**2 - 2 * next_to_last**2) / rest)
    weights[[0, 1, -2, -1]] = -last, -next_to_last, next_to_last, last
    return weights
