"""What was kept and hidden: accuracies, students, and the other policies beside."""

import math

from sdb_core.evidence import Agreement, Evidence, Value
from sdb_core.report_page.parts import NOTHING, Column, note, points, row, table
from sdb_core.report_page.parts import accuracy as percent

_NETWORKS = (("original", "the original"), ("closed", "the box, without the key"), ("open", "the box, with the key"))
_STUDENTS = (
    ("scratch", "nobody: labels alone"),
    ("label_smoothing", "nobody: smoothed labels"),
    ("original_labels", "the original's labels alone"),
    ("from_original", "the original"),
    ("closed", "the box, without the key"),
    ("open", "the box, with the key"),
)
_KEPT = "Right answers on the test split: one original, one box and one key, so that there is no deviation to give."
_TAUGHT = (
    "Right answers of students on the test split: one architecture, the same training images, other teachers. Mean ± "
    "standard deviation over the students; differences ± one standard error."
)
_BESIDE = (
    "The same model wrapped by other policies, each with a key of its own and one wrap (where its settings differ from "
    "this box's they stand under Settings); none was tuned to this model, the settings of sdb-hardened were looked for "
    "longer than those of the others, and only this box faced the panel of attacks. Hidden: how far the student "
    "without the key ends below one of labels alone. Gained: how far the one with the key ends above the original's. "
    "Students: mean ± standard deviation, differences ± one standard error."
)


def accuracy(evidence: Evidence) -> str:
    columns = [Column("Who answers", number=False), Column("Test accuracy, %"), Column("Against the original, points")]
    original = evidence.accuracy.get("original")
    rows = []
    for name, words in _named(_NETWORKS, evidence.accuracy):
        value = evidence.accuracy[name]
        lost = points(value.mean - original.mean) if original and name != "original" else NOTHING
        rows.append(row(columns, (words, percent(value), lost), mark=name))
    return table(columns, rows, caption=_KEPT + _agreement(evidence.agreement))


def _agreement(found: Agreement | None) -> str:
    if found is None:
        return ""
    return (
        f" Of its {found.images:,} images the original and the box, without the key, name the same class on "
        f"{found.same_class:.1f}%; {found.only_original_right:,} are named rightly by the original alone, "
        f"{found.only_box_right:,} by the box alone."
    )


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
    return table(columns, rows, caption=_TAUGHT)


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
    return table(columns, rows, caption=_BESIDE)


def _difference(value: Value | None, other: Value | None) -> str:
    if value is None or other is None or value is other:
        return NOTHING
    known = max(value.seeds, other.seeds) > 1
    return points(value.mean - other.mean, math.hypot(value.error, other.error) if known else None)


def _named(known: tuple[tuple[str, str], ...], values: dict[str, Value]) -> list[tuple[str, str]]:
    """Rows in their order, and after them what newer reports may hold."""
    names = dict(known)
    found = [(name, words) for name, words in known if name in values]
    return found + [(name, name.replace("_", " ")) for name in values if name not in names]


def _titled(policy: str) -> str:
    return "sdb (the paper's losses)" if policy == "sdb" else policy
