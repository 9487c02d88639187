"""Tables 1 to 6 as data."""

from collections.abc import Sequence
from typing import Any

from bench.paper_tables.cells import FIRST, OWN, SECOND, Cell, Recipe, Row, Table
from bench.paper_tables.scales import Scale
from sdb_core.settings import PRESETS


def _constants() -> tuple[tuple[str, Any], ...]:
    """What the authors' code sets otherwise than the paper's text."""
    paper, code = (PRESETS[name].policies["sdb"] for name in ("paper-cifar10", "authors-code"))
    return tuple(sorted((name, value) for name, value in code.items() if paper.get(name) != value))


TEMPERATURES = (1.0, 4.0, 8.0, 16.0)
RANDOM_KEYS = ("random-1", "random-2", "random-3")
SDB = Recipe("sdb")
HARDENED = Recipe("sdb-hardened")
AUTHORS = Recipe("sdb", _constants())
POLICIES = {
    "normal": Recipe(),
    "ke": Recipe("ke"),
    "nasty": Recipe("nasty"),
    "nasty-ke": Recipe("nasty-ke"),
    "sdb": SDB,
    "sdb with the constants of the authors' code": AUTHORS,
    "sdb-hardened (ours)": HARDENED,
}
ABLATIONS = {
    "sdb": SDB,
    "without key embedding": Recipe("sdb", (("key_embedding", False),)),
    "without disturbance": Recipe("sdb", (("disturbance", False),)),
    "without preservation": Recipe("sdb", (("preservation", False),)),
    "without augmentation": Recipe("sdb", (("augmentation", False),)),
    "T_aug = 4, not infinite": Recipe("sdb", (("aug_temperature", 4.0),)),
}
BOX = ("box closed", "box open")
STUDENT = "student"


def tables(scale: Scale) -> list[Table]:
    """All six."""
    nets = scale.nets
    return [
        _comparison(1, FIRST, "CIFAR-10", nets.teacher, nets.students),
        _comparison(2, SECOND, "CIFAR-100", nets.second_teacher, nets.second_students),
        _ablations(nets.teacher, nets.students[0]),
        _other_teachers(nets.others, nets.teacher, nets.students[0]),
        _temperatures(nets.teacher, nets.students[0]),
        _keys(nets.teacher, nets.students[0]),
    ]


def has_key(recipe: Recipe) -> bool:
    """Whether a box has an open stream of its own."""
    embeds = dict(recipe.changes).get("key_embedding", True)
    return recipe.policy not in ("normal", "nasty") and bool(embeds)


def _comparison(number: int, data: str, words: str, teacher: str, students: Sequence[str]) -> Table:
    """Every policy, with every student. The first student's columns are called as in the other tables."""
    names = {f"{STUDENT}{'' if place == 1 else f' {place}'}": net for place, net in enumerate(students, start=1)}
    columns = [*BOX, *(f"{name} {stream}" for name in names for stream in ("closed", "open"))]
    scratch = Row("no teacher", {f"{name} closed": Cell(data, student=net) for name, net in names.items()})
    rows = [Row(label, _both(data, teacher, recipe, names)) for label, recipe in POLICIES.items()]
    told = ", ".join(f"{name} {net}" for name, net in names.items())
    about = f"Each policy wraps the teacher {teacher}; its students ({told}) are taught on x (closed) and x~ (open)."
    return Table(
        number, f"the policies compared, with {words}'s settings", about, data, tuple(columns), (scratch, *rows)
    )


def _ablations(teacher: str, student: str) -> Table:
    rows = [Row(label, _both(FIRST, teacher, recipe, {STUDENT: student})) for label, recipe in ABLATIONS.items()]
    about = f"`sdb` with one part left out or changed; teacher {teacher}, student {student}."
    return Table(3, "the ablations, with CIFAR-10's settings", about, FIRST, _columns(), tuple(rows))


def _other_teachers(others: Sequence[str], teacher: str, student: str) -> Table:
    rows = []
    pairs = [*((net, student) for net in others), (teacher, teacher)]
    for net, taught in pairs:
        for label, recipe in (("normal", Recipe()), ("sdb", SDB), ("sdb-hardened (ours)", HARDENED)):
            rows.append(Row(f"{net} to {taught}: {label}", _both(FIRST, net, recipe, {STUDENT: taught})))
    about = "Teachers of other architectures, and a student as large as its teacher."
    return Table(4, "other teachers, with CIFAR-10's settings", about, FIRST, _columns(), tuple(rows))


def _temperatures(teacher: str, student: str) -> Table:
    asked = {
        "student of the original": (Recipe(), ""),
        "sdb closed": (SDB, ""),
        "sdb open": (SDB, OWN),
        "sdb-hardened closed": (HARDENED, ""),
        "sdb-hardened open": (HARDENED, OWN),
    }
    rows = [
        Row(
            f"T = {heat:g}",
            {name: Cell(FIRST, teacher, recipe, key, student, heat) for name, (recipe, key) in asked.items()},
        )
        for heat in TEMPERATURES
    ]
    about = f"Students at other temperatures than the box was made for; teacher {teacher}, student {student}."
    return Table(5, "temperatures of the students", about, FIRST, tuple(asked), tuple(rows))


def _keys(teacher: str, student: str) -> Table:
    rows = []
    for label, key in (
        ("no key", ""),
        ("the right key", OWN),
        *((name.replace("-", " key "), name) for name in RANDOM_KEYS),
    ):
        cells = {}
        for name, recipe in (("sdb", SDB), ("sdb-hardened", HARDENED)):
            cells[f"{name} box"] = Cell(FIRST, teacher, recipe, key)
            cells[f"{name} student"] = Cell(FIRST, teacher, recipe, key, student)
        rows.append(Row(label, cells))
    about = f"The box asked under keys that anyone can draw; teacher {teacher}, student {student}."
    return Table(6, "random keys", about, FIRST, tuple(rows[0].cells), tuple(rows))


def _columns() -> tuple[str, ...]:
    return (*BOX, f"{STUDENT} closed", f"{STUDENT} open")


def _both(data: str, teacher: str, recipe: Recipe, students: dict[str, str]) -> dict[str, Cell]:
    """Box and students on x, and on x~ where the box has a key."""
    found = {}
    for stream, key in (("closed", ""), ("open", OWN)):
        if key and not has_key(recipe):
            continue
        found[f"box {stream}"] = Cell(data, teacher, recipe, key)
        found |= {f"{name} {stream}": Cell(data, teacher, recipe, key, net) for name, net in students.items()}
    return found
