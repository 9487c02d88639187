"""The four design goals of the paper, each judged by one number and in plain words."""

import math
import re
from typing import Any

Value = dict[str, Any]
Row = dict[str, Any]
FIDELITY_LIMIT = 1.0
EFFECTIVENESS_LIMIT = 5.0
UNIQUENESS_LIMIT = 1.0
ROBUSTNESS_LIMIT = 1.0
_SMALLEST_GAIN = 1.0
_MOST_SHORT = 1.0
_WRONG_KEY = re.compile(r"random-key-\d+|(zero|mean|white)-key")
USEFUL_SHARE = 0.5


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


def difference(value: Value, other: Value) -> float:
    """The difference of two means [points]."""
    return round(float(value["mean"] - other["mean"]), 3)


def standard_error(value: Value, other: Value) -> float:
    """The standard error [points] of the difference of two means: sqrt(variance / seeds of each, summed)."""
    return round(math.sqrt(sum(one["std"] ** 2 / one["seeds"] for one in (value, other))), 3)


def fidelity(accuracy: dict[str, Value]) -> dict[str, Any]:
    """Does the box predict as well as the original?"""
    lost = accuracy["original"]["mean"] - accuracy["closed"]["mean"]
    why = (
        f"The box is right on {accuracy['closed']['mean']:.1f}% of the test images, the original on "
        f"{accuracy['original']['mean']:.1f}%: {_points(lost)} lost, at most {FIDELITY_LIMIT:g} allowed."
    )
    return _verdict(lost <= FIDELITY_LIMIT, value=lost, limit=FIDELITY_LIMIT, why=why)


def effectiveness(students: dict[str, Value]) -> dict[str, Any]:
    """Does the box teach badly without its key, and no worse than the original with it?

    The open student may stay below by the spread over the seeds, but by no more than a point: noise is no excuse.
    """
    hidden = students["scratch"]["mean"] - students["closed"]["mean"]
    spread = math.hypot(students["open"]["std"], students["from_original"]["std"])
    short = students["from_original"]["mean"] - students["open"]["mean"]
    taught = short <= min(spread, _MOST_SHORT)
    why = (
        f"A student without the key ends {_points(hidden)} below one that never saw the box "
        f"({students['closed']['mean']:.1f}% against {students['scratch']['mean']:.1f}%, at least "
        f"{EFFECTIVENESS_LIMIT:g} wanted). A student with the key reaches {students['open']['mean']:.1f}%, one of the "
        f"original {students['from_original']['mean']:.1f}%: {'not below' if taught else 'below'} within the spread "
        f"of {spread:.1f} (at most {_MOST_SHORT:g})."
    )
    return _verdict(hidden >= EFFECTIVENESS_LIMIT and taught, value=hidden, limit=EFFECTIVENESS_LIMIT, why=why)


def uniqueness(students: dict[str, Value], attacks: list[Row]) -> dict[str, Any]:
    """Is the right key worth more than a wrong one, be it random or a plain image?"""
    wrong = {row["name"]: row["accuracy"]["mean"] for row in attacks if _WRONG_KEY.fullmatch(row["name"])}
    if not wrong:
        return _not_measured("No student with a wrong key was taught.", limit=UNIQUENESS_LIMIT)
    best = max(wrong, key=lambda name: wrong[name])
    ahead = students["open"]["mean"] - wrong[best]
    why = (
        f"The best of {len(wrong)} students with a wrong key, {best}, reaches {wrong[best]:.1f}%, the one with the "
        f"right key {students['open']['mean']:.1f}%: {_points(ahead)} ahead, at least {UNIQUENESS_LIMIT:g} wanted. "
        "Whoever holds the box's weights can compute a working key; only hosted licenses withhold them."
    )
    return _verdict(ahead >= UNIQUENESS_LIMIT, value=ahead, limit=UNIQUENESS_LIMIT, why=why)


def robustness(attacks: list[Row], *, box: Value) -> dict[str, Any]:
    """Does any attack without weights and without a part of the key learn more than predictions alone give away?

    Attackers who hold more are named beside; they do not decide. Nor do students that are right less than half as
    often as the `box` (those taught without data, say): nothing of use was stolen, and such rows are mostly noise.
    """
    strangers = [row for row in attacks if row.get("holds", "nothing") == "nothing"]
    inside = [row for row in attacks if row not in strangers]
    useful = [row for row in strangers if row["accuracy"]["mean"] >= USEFUL_SHARE * box["mean"]]
    outside, left_out = (useful, [row for row in strangers if row not in useful]) if useful else (strangers, [])
    if not outside:
        return _not_measured("No attack without weights and key was run.", limit=ROBUSTNESS_LIMIT)
    best = max(outside, key=_over)
    over, error = _over(best), standard_error(best["accuracy"], best["floor"])
    why = (
        f"The strongest of {len(outside)} attacks that hold neither weights nor a part of the key, {best['name']}, "
        f"reaches {best['accuracy']['mean']:.1f}%: {_points(over)} (standard error {error:.1f}) "
        f"{'over' if over >= 0 else 'from'} the floor of {best['floor']['mean']:.1f}% that right predictions give away "
        f"at the same budget; at most {ROBUSTNESS_LIMIT:g} over it is allowed.{_useless(left_out)}"
        f"{_beside(inside)}"
    )
    return _verdict(over <= ROBUSTNESS_LIMIT, value=over, limit=ROBUSTNESS_LIMIT, why=why)


def _useless(left_out: list[Row]) -> str:
    """The rows that are not judged, in a sentence."""
    if not left_out:
        return ""
    best = max(left_out, key=_over)
    return (
        f" Not judged: {len(left_out)} whose students are right less than half as often as the box "
        f"(the strongest, {best['name']}, {_over(best):+.1f} from its floor)."
    )


def _beside(inside: list[Row]) -> str:
    """What who holds more gains, in a sentence for each holding."""
    told = []
    for holding in dict.fromkeys(row["holds"] for row in inside):
        best = max((row for row in inside if row["holds"] == holding), key=_over)
        told.append(
            f" Judged apart: who holds {'the weights' if holding == 'weights' else holding} reaches "
            f"{best['accuracy']['mean']:.1f}% ({best['name']}, {_over(best):+.1f} from its floor)."
        )
    return "".join(told)


def _over(row: Row) -> float:
    return float(row["accuracy"]["mean"] - row["floor"]["mean"])


def _not_measured(why: str, *, limit: float) -> dict[str, Any]:
    return {"pass": None, "value": None, "limit": limit, "why": why}


def _verdict(passed: bool, *, value: float, limit: float, why: str) -> dict[str, Any]:
    return {"pass": bool(passed), "value": round(value, 3), "limit": limit, "why": why}


def _points(number: float) -> str:
    return f"{number:.1f} {'point' if abs(round(number, 1)) == 1 else 'points'}"
