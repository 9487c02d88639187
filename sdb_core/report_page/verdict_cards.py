"""The four claims, each with its verdict, its number and what has to be read with it."""

import math
from html import escape

from sdb_core.evidence import Evidence, Value, Verdict
from sdb_core.report_page.parts import note, points
from sdb_core.verdicts import SMALLEST_GAIN

_CLAIMS = {
    "fidelity": "Without the key, the box predicts as well as the original.",
    "effectiveness": "Distilled in the usual way, the box without the key teaches a student less than labels alone do; "
    "with the key, as much as the original teaches.",
    "uniqueness": "A wrong key, drawn by chance or a plain image, opens the box less than the right one.",
    "robustness": "None of the attacks that were run, without key and weights, learns more than right predictions give "
    "away in any case.",
}
_MEASURED = {
    "fidelity": ("points lost", "at most"),
    "effectiveness": ("points hidden", "at least"),
    "uniqueness": ("points ahead", "at least"),
    "robustness": ("points over the floor", "at most"),
}
_NARROW = "The limit lies within two standard errors of this number: other seeds may judge otherwise."
_LITTLE = (
    "There was little to steal. A student of the unprotected original ends {gain} points {where} the best that labels "
    "alone teach ({floor:.1f}%). Where the original teaches hardly more than its labels, hardly any box could leak "
    "more: robustness is then easily had, effectiveness says that a thief who distils is misled rather than that "
    "knowledge was kept, and what the key is worth cannot show."
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
    remarks = [_NARROW] if verdict.narrow else []
    if verdict.goal == "effectiveness":
        remarks += _better_thief(evidence)
    below = "".join(f'<p class="remark">{escape(each)}</p>' for each in remarks)
    return (
        f'<div class="verdict {kind}"><h3>{escape(verdict.goal.capitalize())} <span class="mark">{mark}</span></h3>'
        f'<p class="claim">{escape(_CLAIMS.get(verdict.goal, ""))}</p>{_figure(verdict)}'
        f"<p>{escape(verdict.why)}</p>{below}</div>"
    )


def _figure(verdict: Verdict) -> str:
    if verdict.value is None:
        return ""
    what, bound = _MEASURED.get(verdict.goal, ("points", "limit"))
    error = "" if verdict.error is None else f" ± {verdict.error:.1f}"
    limit = "" if verdict.limit is None else f" <small>wanted: {bound} {verdict.limit:g}</small>"
    number = f"{verdict.value:.1f}".replace("-0.0", "0.0").replace("-", "−")
    return f'<p class="figure">{number}{error} {what}{limit}</p>'


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
