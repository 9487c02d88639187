"""The panel of attacks as a table, by what the attacker holds."""

from collections import Counter

from sdb_core.evidence import HOLDINGS, Attack, Evidence
from sdb_core.report_page.parts import NOTHING, Column, accuracy, group, note, points, row, table

HEADINGS = {
    "nothing": "The attacker holds answers alone: no key, no weights",
    "part of the key": "The attacker holds answers and a part of the key",
    "weights": "The attacker holds the box's weights",
}
_COLUMNS = (
    Column("Attack", number=False),
    Column("Sees", number=False),
    Column("Queries"),
    Column("Data", number=False),
    Column("True labels", number=False),
    Column("Floor, %"),
    Column("Student, %"),
    Column("Over the floor, points"),
    Column("Leak"),
)
_SEEN = {"topk": "top-k probabilities"}
_TRUTH = {True: "yes", False: "no", None: NOTHING}
_CAPTION = (
    "What a thief's student reaches: mean ± standard deviation over students. Queries: how many of the box's answers "
    "teach it. Floor: what right predictions give away in any case, the better of a label-smoothing student (where the "
    "attacker has the true labels) and a student of the original's labels at the same budget; for who ends with the "
    "box's own network, what the box predicts. Over the floor: ± one standard error. Leak: 0 is the floor, 1 is what "
    "the unprotected original would teach (for who ends with the box's own network, what the original predicts); a "
    "dash where that is less than a point apart."
)


def table_of(evidence: Evidence) -> str:
    """All attacks, the strongest of each group first."""
    if not evidence.attacks:
        return note("No attacks were run for this report.")
    groups: dict[str, list[Attack]] = {holding: [] for holding in HOLDINGS}
    for attack in evidence.attacks:
        groups.setdefault(attack.holds, []).append(attack)
    usual, _ = Counter(each.student for each in evidence.attacks).most_common(1)[0]
    rows = []
    for holding, members in groups.items():
        if members:
            rows.append(group(_COLUMNS, HEADINGS.get(holding, holding)))
            ranked = sorted(members, key=lambda each: (-each.over, each.name))
            rows += [_row(each, usual_student=usual) for each in ranked]
    return table(_COLUMNS, rows, caption=_CAPTION, mark="long")


def _row(attack: Attack, *, usual_student: str | None) -> str:
    cells = (
        attack.name,
        _SEEN.get(attack.interface, attack.interface),
        f"{attack.query_budget:,}",
        attack.data_budget,
        _TRUTH[attack.truth],
        accuracy(attack.floor),
        accuracy(attack.accuracy),
        points(attack.over, attack.error if attack.sure else None),
        NOTHING if attack.leak is None else f"{attack.leak:.2f}".replace("-", "−"),
    )
    told = [attack.about, *(f"{name.replace('_', ' ')}: {value}." for name, value in attack.notes.items())]
    if attack.student and attack.student != usual_student:
        told.append(f"Student: {attack.student}.")
    if not attack.useful:
        told.append("Not judged: right less than half as often as the box, and less often than from scratch.")
    mark = "over" if attack.over > 0 and attack.useful else ""
    return row(_COLUMNS, cells, mark=mark, about=" ".join(filter(None, told)))
