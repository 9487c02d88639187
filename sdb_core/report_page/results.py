"""What was claimed, kept and hidden: verdicts, accuracies, students, and the other policies beside."""

import math
from html import escape

from sdb_core.evidence import Evidence, Value, Verdict
from sdb_core.report_page.parts import NOTHING, Column, note, points, row, table
from sdb_core.report_page.parts import accuracy as percent

_CLAIMS = {
    "fidelity": "Without the key, the box predicts as well as the original.",
    "effectiveness": "Without the key, a student learns less from the box than from the labels alone; with the key, "
    "as much as from the original.",
    "uniqueness": "Only the right key opens the box.",
    "robustness": "No attack learns more than right predictions give away in any case.",
}
_MEASURED = {
    "fidelity": ("points lost", "at most"),
    "effectiveness": ("points hidden", "at least"),
    "uniqueness": ("points ahead", "at least"),
    "robustness": ("points over the floor", "at most"),
}
_NETWORKS = (("original", "the original"), ("closed", "the box, without the key"), ("open", "the box, with the key"))
_STUDENTS = (
    ("scratch", "nobody: labels alone"),
    ("label_smoothing", "nobody: smoothed labels"),
    ("original_labels", "the original's labels alone"),
    ("from_original", "the original"),
    ("closed", "the box, without the key"),
    ("open", "the box, with the key"),
)


def verdicts(evidence: Evidence) -> str:
    """A card for each design goal: the claim, the verdict, the number and why."""
    return "\n".join(_card(each) for each in evidence.verdicts) or note("No goal was judged.")


def accuracy(evidence: Evidence) -> str:
    columns = [Column("Who answers", number=False), Column("Test accuracy, %"), Column("Against the original, points")]
    original = evidence.accuracy.get("original")
    rows = []
    for name, words in _named(_NETWORKS, evidence.accuracy):
        value = evidence.accuracy[name]
        lost = points(value.mean - original.mean) if original and name != "original" else NOTHING
        rows.append(row(columns, (words, percent(value), lost), mark=name))
    return table(columns, rows, caption="Right answers on the test split")


def students(evidence: Evidence) -> str:
    if not evidence.students:
        return note("No students were taught for this report.")
    columns = [
        Column("Taught by", number=False),
        Column("Test accuracy, %"),
        Column("Seeds"),
        Column("Against labels alone, points"),
        Column("Against the original's student, points"),
    ]
    references = [evidence.students.get(name) for name in ("scratch", "from_original")]
    rows = []
    for name, words in _named(_STUDENTS, evidence.students):
        value = evidence.students[name]
        against = [_difference(value, other) for other in references]
        rows.append(row(columns, (words, percent(value), str(value.seeds), *against), mark=name))
    caption = "Right answers of students on the test split: one architecture, the same training images, other teachers"
    return table(columns, rows, caption=caption)


def comparison(evidence: Evidence) -> str:
    """This policy and others on the same model, each with its own key."""
    if not evidence.rivals:
        return note("No other policy was run beside this one.")
    columns = [
        Column("Policy", number=False),
        Column("Box without key, %"),
        Column("Box with key, %"),
        Column("Student without key, %"),
        Column("hidden, points"),
        Column("Student with key, %"),
        Column("gained, points"),
    ]
    entries = [(f"{evidence.policy} (this box)", evidence.accuracy, evidence.students)]
    entries += [(_titled(policy), rival.accuracy, rival.students) for policy, rival in evidence.rivals.items()]
    scratch, original = evidence.students.get("scratch"), evidence.students.get("from_original")
    rows = []
    for policy, answers, taught in entries:
        closed, opened = taught.get("closed"), taught.get("open")
        cells = [percent(answers.get("closed")), percent(answers.get("open"))]
        cells += [percent(closed), _difference(scratch, closed), percent(opened), _difference(opened, original)]
        rows.append(row(columns, (policy, *cells)))
    caption = (
        "The same model wrapped by other policies. Hidden: how far the student without the key ends below one of "
        "labels alone. Gained: how far the one with the key ends above the original's."
    )
    return table(columns, rows, caption=caption)


def _card(verdict: Verdict) -> str:
    kind, mark = {True: ("pass", "✓ holds"), False: ("fail", "✗ does not hold")}.get(
        verdict.passed,  # type: ignore[arg-type]  # None is no key, which is the point
        ("unknown", "not measured"),
    )
    figure = ""
    if verdict.value is not None:
        what, bound = _MEASURED.get(verdict.goal, ("points", "limit"))
        limit = "" if verdict.limit is None else f" <small>wanted: {bound} {verdict.limit:g}</small>"
        figure = f'<p class="figure">{verdict.value:.1f} {what}{limit}</p>'.replace(">-", ">−")
    return (
        f'<div class="verdict {kind}"><h3>{escape(verdict.goal.capitalize())} <span class="mark">{mark}</span></h3>'
        f'<p class="claim">{escape(_CLAIMS.get(verdict.goal, ""))}</p>{figure}<p>{escape(verdict.why)}</p></div>'
    )


def _difference(value: Value | None, other: Value | None) -> str:
    if value is None or other is None or value is other:
        return NOTHING
    return points(value.mean - other.mean, math.hypot(value.error, other.error))


def _named(known: tuple[tuple[str, str], ...], values: dict[str, Value]) -> list[tuple[str, str]]:
    """Rows in their order, and after them what newer reports may hold."""
    names = dict(known)
    found = [(name, words) for name, words in known if name in values]
    return found + [(name, name.replace("_", " ")) for name in values if name not in names]


def _titled(policy: str) -> str:
    return "sdb (the paper's losses)" if policy == "sdb" else policy
