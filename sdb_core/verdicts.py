"""The four design goals of the paper, each judged by one number and in plain words."""

import math
import re
from collections.abc import Mapping
from typing import Any

Value = dict[str, Any]
Row = dict[str, Any]
FIDELITY_LIMIT = 1.0
EFFECTIVENESS_LIMIT = 5.0
UNIQUENESS_LIMIT = 1.0
ROBUSTNESS_LIMIT = 1.0
SMALLEST_GAIN = 1.0
_MOST_SHORT = 1.0
_WRONG_KEY = re.compile(r"random-key-\d+|(zero|mean|white)-key")
USEFUL_SHARE = 0.5
_LOSES_LESS = {
    "sdb-hardened": " More epochs, a higher top_share or more caution lose less; photographs want the preset "
    "photographs.",
    "sdb": " A lower omega loses less, and hides less; the policy sdb-hardened is made to lose nothing.",
}


def summary_of(scores: list[float]) -> Value:
    """Mean and sample standard deviation [percent] over the seeds, and the single scores in the order of the seeds."""
    mean = sum(scores) / len(scores)
    spread = math.sqrt(sum((score - mean) ** 2 for score in scores) / (len(scores) - 1)) if len(scores) > 1 else 0.0
    single = [round(score, 3) for score in scores]
    return {"mean": round(mean, 3), "std": round(spread, 3), "seeds": len(scores), "scores": single}


def leak(*, attack: Value, floor: Value, from_original: Value) -> float | None:
    """(attack - floor) / (KD from the original - floor); None where KD gains under one point over the floor."""
    gain = from_original["mean"] - floor["mean"]
    if gain < SMALLEST_GAIN:
        return None
    return round(float(attack["mean"] - floor["mean"]) / float(gain), 3)


def difference(value: Value, other: Value) -> float:
    """The difference of two means [points]."""
    return round(float(value["mean"] - other["mean"]), 3)


def standard_error(value: Value, other: Value) -> float:
    """The standard error [points] of the difference of two means: sqrt(variance / seeds of each, summed)."""
    return round(math.sqrt(sum(one["std"] ** 2 / one["seeds"] for one in (value, other))), 3)


def paired_error(agreement: Mapping[str, Any]) -> float:
    """The standard error [points] of two nets' difference on the same images, as far as these are a sample.

    From the images that one net alone names rightly (McNemar): sqrt(b + c - (b - c)^2 / n) / n.
    """
    images, one, other = (int(agreement[name]) for name in ("images", "only_original_right", "only_box_right"))
    return round(100.0 * math.sqrt(max(0.0, one + other - (one - other) ** 2 / images)) / images, 3)


def fidelity(
    accuracy: dict[str, Value], *, agreement: Mapping[str, Any] | None = None, policy: str = ""
) -> dict[str, Any]:
    """Does the box predict as well as the original? Where not, and the `policy` is named, what loses less.

    `agreement`: of how many test `images` the original and the box name the `same_class` [percent], and how many
    (`only_original_right`, `only_box_right`) one of them alone names rightly.
    """
    lost = difference(accuracy["original"], accuracy["closed"])
    why = (
        f"The box is right on {accuracy['closed']['mean']:.1f}% of the test images, the original on "
        f"{accuracy['original']['mean']:.1f}%: {_points(lost, limit=FIDELITY_LIMIT)} lost, at most "
        f"{FIDELITY_LIMIT:g} allowed."
    )
    if lost > FIDELITY_LIMIT:
        why += _LOSES_LESS.get(policy, "")
    if agreement is None:
        return _verdict(lost <= FIDELITY_LIMIT, value=lost, limit=FIDELITY_LIMIT, why=why)
    error = paired_error(agreement)
    why += (
        f" Of {agreement['images']:,} images the original alone names {agreement['only_original_right']} rightly, the "
        f"box alone {agreement['only_box_right']} (standard error {error:.1f}); both name the same class on "
        f"{agreement['same_class']:.1f}%."
    )
    return _verdict(lost <= FIDELITY_LIMIT, value=lost, limit=FIDELITY_LIMIT, why=why, error=error)


def effectiveness(students: dict[str, Value]) -> dict[str, Any]:
    """Does the box teach badly without its key, and no worse than the original with it?

    The open student may stay below by the spread over the seeds, but by no more than a point: noise is no excuse.
    """
    hidden, error = _apart(students["scratch"], students["closed"])
    spread = math.hypot(students["open"]["std"], students["from_original"]["std"])
    short = students["from_original"]["mean"] - students["open"]["mean"]
    why = (
        f"A student without the key ends {_points(hidden, limit=EFFECTIVENESS_LIMIT)} below one that never saw the box "
        f"({students['closed']['mean']:.1f}% against {students['scratch']['mean']:.1f}%, at least "
        f"{EFFECTIVENESS_LIMIT:g} wanted). A student with the key reaches {students['open']['mean']:.1f}%, one of the "
        f"original {students['from_original']['mean']:.1f}%: {_taught(short, spread=spread)}"
    )
    passed = hidden >= EFFECTIVENESS_LIMIT and short <= min(spread, _MOST_SHORT)
    return _verdict(passed, value=hidden, limit=EFFECTIVENESS_LIMIT, why=why, error=error)


def _taught(short: float, *, spread: float) -> str:
    """How far the open student ends from the original's."""
    if short <= 0:
        return f"{_points(-short)} more."
    return (
        f"{_points(short)} short, at most {min(spread, _MOST_SHORT):.1f} allowed (the spread over the seeds, "
        f"{spread:.1f}, but no more than {_MOST_SHORT:g})."
    )


def uniqueness(students: dict[str, Value], attacks: list[Row]) -> dict[str, Any]:
    """Is the right key worth more than a wrong one, be it random or a plain image?"""
    wrong = {row["name"]: row["accuracy"] for row in attacks if _WRONG_KEY.fullmatch(row["name"])}
    if not wrong:
        return _not_measured("No student with a wrong key was taught.", limit=UNIQUENESS_LIMIT)
    best = max(wrong, key=lambda name: float(wrong[name]["mean"]))
    ahead, error = _apart(students["open"], wrong[best])
    why = (
        f"The best of {len(wrong)} students with a wrong key, {best}, reaches {wrong[best]['mean']:.1f}%, the one with "
        f"the right key {students['open']['mean']:.1f}%: "
        f"{_points(ahead, limit=UNIQUENESS_LIMIT)} ahead, at least {UNIQUENESS_LIMIT:g} wanted. "
        "Whoever holds the box's weights can compute a working key; only hosted licenses withhold them."
    )
    return _verdict(ahead >= UNIQUENESS_LIMIT, value=ahead, limit=UNIQUENESS_LIMIT, why=why, error=error)


def least_useful(*, box: float, scratch: float) -> float:
    """The accuracy [percent] under which a stolen student is of no use: half the box's, but at most scratch's."""
    return min(USEFUL_SHARE * box, scratch)


def robustness(attacks: list[Row], *, box: Value, scratch: Value) -> dict[str, Any]:
    """Does any attack without weights and without a part of the key learn more than predictions alone give away?

    Attackers who hold more are named beside; they do not decide. Nor do students that are right less than half as
    often as the `box` and less often than those from `scratch` (taught without data, say): nothing of use was stolen,
    and such rows are mostly noise.
    """
    strangers = [row for row in attacks if row.get("holds", "nothing") == "nothing"]
    inside = [row for row in attacks if row not in strangers]
    least = least_useful(box=box["mean"], scratch=scratch["mean"])
    useful = [row for row in strangers if row["accuracy"]["mean"] >= least]
    outside, left_out = (useful, [row for row in strangers if row not in useful]) if useful else (strangers, [])
    if not outside:
        return _not_measured("No attack without weights and key was run.", limit=ROBUSTNESS_LIMIT)
    best = max(outside, key=_over)
    over, error = _apart(best["accuracy"], best["floor"])
    why = (
        f"The strongest of {len(outside)} attacks that hold neither weights nor a part of the key, {best['name']}, "
        f"reaches {best['accuracy']['mean']:.1f}%: {_points(over, limit=ROBUSTNESS_LIMIT)} ({_told(error)}) "
        f"{'over' if over >= 0 else 'from'} the floor of {best['floor']['mean']:.1f}% that right predictions give away "
        f"at the same budget; at most {ROBUSTNESS_LIMIT:g} over it is allowed.{_little(best)}"
        f"{_useless(left_out)}{_beside(inside)}"
    )
    return _verdict(over <= ROBUSTNESS_LIMIT, value=over, limit=ROBUSTNESS_LIMIT, why=why, error=error)


def _little(best: Row) -> str:
    """A sentence where the original itself teaches hardly more than its labels: such a box has little to give away."""
    if "leak" not in best or best["leak"] is not None:
        return ""
    return (
        f" A student of the unprotected original, distilled as usual, ends less than {SMALLEST_GAIN:g} point over that "
        "floor too: there was little to steal, and this verdict alone says little."
    )


def _useless(left_out: list[Row]) -> str:
    """The rows that are not judged, in a sentence."""
    if not left_out:
        return ""
    best = max(left_out, key=_over)
    return (
        f" Not judged: {len(left_out)} whose students are right less than half as often as the box, and less often "
        f"than from scratch (the strongest, {best['name']}, {_over(best):+.1f} from its floor)."
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
    return difference(row["accuracy"], row["floor"])


def _apart(value: Value, other: Value) -> tuple[float, float | None]:
    """The difference of two means and its standard error [points], which single students do not tell."""
    known = max(value["seeds"], other["seeds"]) > 1
    return difference(value, other), standard_error(value, other) if known else None


def _not_measured(why: str, *, limit: float) -> dict[str, Any]:
    return {"pass": None, "value": None, "limit": limit, "why": why}


def _verdict(passed: bool, *, value: float, limit: float, why: str, error: float | None = None) -> dict[str, Any]:
    known = {} if error is None else {"standard_error": error}
    return {"pass": bool(passed), "value": round(value, 3), "limit": limit, "why": why, **known}


def _told(error: float | None) -> str:
    return "one student, no standard error" if error is None else f"standard error {error:.1f}"


def _points(number: float, *, limit: float | None = None) -> str:
    """As few decimals as show on which side of the limit the number lies."""
    sides = {places: round(number, places) for places in (1, 2)}
    known = (
        n
        for n, near in sides.items()
        if limit is None or (near > limit, near < limit) == (number > limit, number < limit)
    )
    places = next(known, 3)
    return f"{number:.{places}f} {'point' if abs(round(number, places)) == 1 else 'points'}"
