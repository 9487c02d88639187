"""The four design goals of the paper, each judged by one number and in plain words."""

import math
from typing import Any

Value = dict[str, Any]
FIDELITY_LIMIT = 1.0
EFFECTIVENESS_LIMIT = 5.0
UNIQUENESS_LIMIT = 1.0
ROBUSTNESS_LIMIT = 1.0
_SMALLEST_GAIN = 1.0


def summary_of(scores: list[float]) -> Value:
    """Mean and sample standard deviation [percent] over the seeds."""
    mean = sum(scores) / len(scores)
    spread = math.sqrt(sum((score - mean) ** 2 for score in scores) / (len(scores) - 1)) if len(scores) > 1 else 0.0
    return {"mean": round(mean, 3), "std": round(spread, 3), "seeds": len(scores)}


def leak(*, attack: Value, floor: Value, from_original: Value) -> float | None:
    """(attack - floor) / (KD from the original - floor); None where KD gains under one point over the floor."""
    gain = from_original["mean"] - floor["mean"]
    if gain < _SMALLEST_GAIN:
        return None
    return round(float(attack["mean"] - floor["mean"]) / float(gain), 3)


def fidelity(accuracy: dict[str, Value]) -> dict[str, Any]:
    """Does the box predict as well as the original?"""
    lost = accuracy["original"]["mean"] - accuracy["closed"]["mean"]
    why = (
        f"The box is right on {accuracy['closed']['mean']:.1f}% of the test images, the original on "
        f"{accuracy['original']['mean']:.1f}%: {_points(lost)} lost, at most {FIDELITY_LIMIT:g} allowed."
    )
    return _verdict(lost <= FIDELITY_LIMIT, value=lost, limit=FIDELITY_LIMIT, why=why)


def effectiveness(students: dict[str, Value]) -> dict[str, Any]:
    """Does the box teach badly without its key, and no worse than the original with it?"""
    hidden = students["scratch"]["mean"] - students["closed"]["mean"]
    spread = math.hypot(students["open"]["std"], students["from_original"]["std"])
    short = students["from_original"]["mean"] - students["open"]["mean"]
    why = (
        f"A student without the key ends {_points(hidden)} below one that never saw the box "
        f"({students['closed']['mean']:.1f}% against {students['scratch']['mean']:.1f}%, at least "
        f"{EFFECTIVENESS_LIMIT:g} wanted). A student with the key reaches {students['open']['mean']:.1f}%, one of the "
        f"original {students['from_original']['mean']:.1f}%: "
        f"{'not below' if short <= spread else 'below'} within the spread of {spread:.1f}."
    )
    return _verdict(hidden >= EFFECTIVENESS_LIMIT and short <= spread, value=hidden, limit=EFFECTIVENESS_LIMIT, why=why)


def uniqueness(students: dict[str, Value], attacks: list[dict[str, Any]]) -> dict[str, Any]:
    """Is the right key worth more than a wrong one?"""
    wrong = {row["name"]: row["accuracy"]["mean"] for row in attacks if row["name"].startswith("random-key")}
    best = max(wrong, key=lambda name: wrong[name])
    ahead = students["open"]["mean"] - wrong[best]
    why = (
        f"The best of {len(wrong)} students with a wrong random key reaches {wrong[best]:.1f}%, the one with the right "
        f"key {students['open']['mean']:.1f}%: {_points(ahead)} ahead, at least {UNIQUENESS_LIMIT:g} wanted. "
        "Whoever holds the box's weights can compute a working key; only hosted licenses withhold them."
    )
    return _verdict(ahead >= UNIQUENESS_LIMIT, value=ahead, limit=UNIQUENESS_LIMIT, why=why)


def robustness(attacks: list[dict[str, Any]]) -> dict[str, Any]:
    """Does any attack learn more than the predictions alone give away?"""
    best = max(attacks, key=lambda row: row["accuracy"]["mean"] - row["floor"]["mean"])
    over = best["accuracy"]["mean"] - best["floor"]["mean"]
    why = (
        f"The strongest of {len(attacks)} attacks, {best['name']}, reaches {best['accuracy']['mean']:.1f}%: "
        f"{_points(over)} {'over' if over >= 0 else 'from'} the floor of {best['floor']['mean']:.1f}% that any right "
        f"prediction gives away; at most {ROBUSTNESS_LIMIT:g} over it is allowed."
    )
    return _verdict(over <= ROBUSTNESS_LIMIT, value=over, limit=ROBUSTNESS_LIMIT, why=why)


def _verdict(passed: bool, *, value: float, limit: float, why: str) -> dict[str, Any]:
    return {"pass": bool(passed), "value": round(value, 3), "limit": limit, "why": why}


def _points(number: float) -> str:
    return f"{number:.1f} {'point' if abs(round(number, 1)) == 1 else 'points'}"
