"""The four claims, each with its verdict, its number and what has to be read with it."""

import math
from html import escape

from sdb_core.evidence import Evidence, Value, Verdict
from sdb_core.report_page.parts import note, points
from sdb_core.verdicts import SMALLEST_GAIN

_CLAIMS = {
    "fidelity": "Without the key, the box is right as often as the original, but for at most {limit}.",
    "effectiveness": "Distilled in the usual way, the box without the key teaches a student less than labels alone do, "
    "by at least {limit}; with the key, as much as the original teaches, but for chance.",
    "uniqueness": "A student with a wrong key{kinds} ends at least {limit} behind one with the right key.",
    "robustness": "None of the attacks that were run, without key and weights, ends more than {limit} over what right "
    "predictions give away in any case.",
}
_PLAIN_KEYS = {"zero-key", "mean-key", "white-key"}
_MEASURED = {
    "fidelity": ("points lost", "at most"),
    "effectiveness": ("points hidden", "at least"),
    "uniqueness": ("points ahead", "at least"),
    "robustness": ("points over the floor", "at most"),
}
_NARROW = "The limit lies within two standard errors of this number: other {others} may judge otherwise."
_LITTLE = (
    "There was little to steal for these students. A student of the unprotected original ends {gain} points {where} "
    "the best that labels alone teach ({floor:.1f}%). Either labels say nearly all that these data teach, or these "
    "students are too small, or taught too briefly, to take up more; this report cannot tell which. Where the original "
    "teaches them hardly more than its labels, hardly any box could leak more: robustness is then easily had, "
    "effectiveness says that a thief who distils is misled rather than that knowledge was kept, and what the key is "
    "worth cannot show."
)


def cards(evidence: Evidence) -> str:
    """A card for each design goal: the claim, the verdict, the number and why."""
    return "\n".join(_card(each, evidence) for each in evidence.verdicts) or note("No goal was judged.")


def caveat(evidence: Evidence) -> str:
    """What weakens all verdicts at once: data on which the original itself teaches no more than labels do."""
    original = evidence.students.get("from_original")
    floors = [evidence.students[name] for name in ("label_smoothing", "original_labels") if name in evidence.students]
    if original is None or not floors:
        return ""
    floor = max(floors, key=lambda value: value.mean)
    gain = original.mean - floor.mean
    if gain >= SMALLEST_GAIN:
        return ""
    told = _LITTLE.format(
        gain=_unsigned(gain, original, floor), where="over" if gain >= 0 else "under", floor=floor.mean
    )
    return f'<p class="caveat">{escape(told)}</p>'


def _card(verdict: Verdict, evidence: Evidence) -> str:
    kind, mark = {True: ("pass", "✓ holds"), False: ("fail", "✗ does not hold")}.get(
        verdict.passed,  # type: ignore[arg-type]  # None is no key, which is the point
        ("unknown", "not measured"),
    )
    others = "test images" if verdict.goal == "fidelity" else "seeds"
    remarks = [_NARROW.format(others=others)] if verdict.narrow else []
    if verdict.goal == "effectiveness":
        remarks += _better_thief(evidence)
    below = "".join(f'<p class="remark">{escape(each)}</p>' for each in remarks)
    return (
        f'<div class="verdict {kind}"><h3>{escape(verdict.goal.capitalize())} <span class="mark">{mark}</span></h3>'
        f'<p class="claim">{escape(_claim(verdict, evidence))}</p>{_figure(verdict)}'
        f"<p>{escape(verdict.why)}</p>{below}</div>"
    )


def _claim(verdict: Verdict, evidence: Evidence) -> str:
    """What the verdict says where it holds, and no more: its limit, and the kinds of wrong keys that were tried."""
    limit = "the limit" if verdict.limit is None else f"{verdict.limit:g} {'point' if verdict.limit == 1 else 'points'}"
    plain = any(each.name in _PLAIN_KEYS for each in evidence.attacks)
    kinds = ", drawn by chance or a plain image," if plain else " drawn by chance"
    return _CLAIMS.get(verdict.goal, "").format(limit=limit, kinds=kinds)


def _figure(verdict: Verdict) -> str:
    if verdict.value is None:
        return ""
    what, bound = _MEASURED.get(verdict.goal, ("points", "limit"))
    error = "" if verdict.error is None else f" ± {verdict.error:.1f}"
    limit = "" if verdict.limit is None else f" <small>wanted: {bound} {verdict.limit:g}</small>"
    number = f"{verdict.value:.{_decimals(verdict)}f}"
    number = number.replace("-", "" if not float(number) else "−")
    return f'<p class="figure">{number}{error} {what}{limit}</p>'


def _decimals(verdict: Verdict) -> int:
    """As few as show on which side of its limit the value lies: 1.005 is not at most 1."""
    value, limit = verdict.value, verdict.limit
    if value is None or limit is None:
        return 1
    side = (value > limit, value < limit)
    rounded = {places: round(value, places) for places in (1, 2)}
    return next((places for places, near in rounded.items() if (near > limit, near < limit) == side), 3)


def _better_thief(evidence: Evidence) -> list[str]:
    """Usual distillation is one way to steal, and not the best: the best stands beside."""
    if not evidence.strangers:
        return []
    temperature, alpha = (evidence.setting("evaluation", "student_settings", name) for name in ("temperature", "alpha"))
    known = all(isinstance(each, (int, float)) for each in (temperature, alpha))
    usual = f" (T = {temperature:g}, weight {alpha:g} on the answers)" if known else ""
    best = max(evidence.strangers, key=lambda each: each.over)
    over = points(best.over, best.error if best.sure else None)
    told = (
        f"This is a thief who distils in the usual way{usual}. One who chooses the best of {len(evidence.strangers)} "
        f"ways, here {best.name}, reaches {best.accuracy.mean:.1f}%, {over} points from the floor."
    )
    return [told]


def _unsigned(difference: float, value: Value, other: Value) -> str:
    error = math.hypot(value.error, other.error) if max(value.seeds, other.seeds) > 1 else None
    return points(abs(difference), error).lstrip("+")
