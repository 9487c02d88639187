"""From attacks to the rows of a report: each student beside its floor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdb_core import verdicts
from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.registry import named, panel
from sdb_core.attacks.temperatures import at_temperature
from sdb_core.errors import DatasetUnreadable
from sdb_core.evaluation import accuracy
from sdb_core.nets import PROGRAM
from sdb_core.queries import IMAGE_SETS
from sdb_core.settings import EvaluationSettings
from sdb_core.students import Classroom, floor_kinds
from sdb_core.subject import Subject
from sdb_core.teaching import Kind, Lesson, Taught, teach_all
from sdb_core.training import Run
from sdb_core.verdicts import Value, summary_of

LEDGER = "students.json"


def measure(
    attacks: Sequence[Attack],
    subject: Subject,
    *,
    settings: EvaluationSettings,
    run: Run,
    state_folder: Path | None = None,
) -> list[dict[str, Any]]:
    """Run these attacks on a box and answer their rows (those of `report.schema.json`), without a whole report.

    `settings` gives the students (its level and comparisons are not used); students already in the `state_folder`
    are not taught again. Raises what `training.train` raises.
    """
    room = Classroom(subject, settings, run=run)
    ledger = state_folder / LEDGER if state_folder else None
    taught = teach_all(attack_kinds(attacks, room), subject, seeds=settings.seeds, run=run, ledger=ledger)
    return attack_rows(attacks, room, taught)


def chosen(settings: EvaluationSettings, *, model: str) -> tuple[list[Attack], dict[str, str]]:
    """The attacks that `settings` name, or the level's against a `model` of this architecture; and what it leaves out.

    A level always has usual distillation. It leaves out, by name and with the reason, what would only repeat that or
    cannot run here. Raises InvalidSettings for a name that does not exist, DatasetUnreadable for an attack that is
    named and lacks a package.
    """
    if settings.attacks:
        return [_with_images(attack) for attack in named(settings.attacks)], {}
    attacks, usual = panel(settings.level), at_temperature(settings.student_settings.temperature)
    if usual.name not in {attack.name for attack in attacks}:
        attacks = (usual, *attacks)
    left_out = {
        attack.name: why for attack in attacks if (why := _why_not(attack, student=settings.student, model=model))
    }
    return [attack for attack in attacks if attack.name not in left_out], left_out


def attack_kinds(attacks: Sequence[Attack], room: Classroom) -> list[Kind]:
    """The students of these attacks and of their floors."""
    kinds: list[Kind] = []
    for attack in attacks:
        if attack.floor == "students":
            kinds += floor_kinds(room, attack.group(room)).values()
        kinds.append(_kind(attack, room))
    return kinds


def lost_attacks(attacks: Sequence[Attack], room: Classroom, taught: Taught) -> dict[str, str]:
    """The attacks whose student, or one of whose floor's, was lost; and why."""
    return {
        attack.name: taught.lost[kind.name]
        for attack in attacks
        for kind in attack_kinds([attack], room)
        if kind.name in taught.lost
    }


def attack_rows(attacks: Sequence[Attack], room: Classroom, taught: Taught) -> list[dict[str, Any]]:
    """What came of these attacks, without those that were lost."""
    lost = lost_attacks(attacks, room, taught)
    return [_row(attack, room, taught) for attack in attacks if attack.name not in lost]


def floor_of(floors: dict[str, Value]) -> Value:
    """The better of label smoothing (where there is truth) and the original's labels, by the mean."""
    names = [name for name in ("label_smoothing", "original_labels") if name in floors]
    return max((floors[name] for name in names), key=lambda value: float(value["mean"]))


def _with_images(attack: Attack) -> Attack:
    if why := IMAGE_SETS[attack.images].missing():
        raise DatasetUnreadable(f"The attack {attack.name} cannot run. {why}")
    return attack


def _why_not(attack: Attack, *, student: str, model: str) -> str:
    """Why a level leaves an attack out; "" where it does not."""
    if student == model and attack.large and attack.floor == "students":
        return f"The usual student is a {student}, as large as the model, and its usual distillation is measured."
    if student == PROGRAM and attack.layers:
        return "It reads its student's layers, and a program shows none; name another student."
    return IMAGE_SETS[attack.images].missing()


def _kind(attack: Attack, room: Classroom) -> Kind:
    def lesson() -> Lesson:
        return attack.prepare(Scene(room, attack))

    return Kind(_name(attack, room), room.fingerprint(_name(attack, room), attack.group(room), room.box_digest), lesson)


def _name(attack: Attack, room: Classroom) -> str:
    """The student's name: usual distillation is the report's row "closed", and is taught once for both."""
    return "closed" if attack.name == at_temperature(room.taught.temperature).name else attack.name


def _row(attack: Attack, room: Classroom, taught: Taught) -> dict[str, Any]:
    group, name = attack.group(room), _name(attack, room)
    found = summary_of(taught.scores[name])
    floor, top = _bounds(attack, room, taught)
    return {
        "name": attack.name,
        "about": attack.about,
        "interface": attack.interface,
        "query_budget": attack.query_budget(room),
        "data_budget": attack.data_budget(room),
        "truth": attack.truth,
        "holds": attack.holds,
        "student": group.student,
        "floor": floor,
        "accuracy": found,
        "points_over_floor": verdicts.difference(found, floor),
        "standard_error": verdicts.standard_error(found, floor),
        "leak": verdicts.leak(attack=found, floor=floor, from_original=top),
        "notes": taught.notes[name],
    }


def _bounds(attack: Attack, room: Classroom, taught: Taught) -> tuple[Value, Value]:
    """The floor, and what distilling the original would give at the same budget."""
    if attack.floor == "box":
        return _predictions(room, "box"), _predictions(room, "original")
    kinds = floor_kinds(room, attack.group(room))
    floors = {name: summary_of(taught.scores[kind.name]) for name, kind in kinds.items()}
    return floor_of(floors), floors["from_original"]


def _predictions(room: Classroom, teacher: str) -> Value:
    subject = room.subject
    net = getattr(subject, teacher)
    return summary_of([accuracy(net, subject.splits.test, normalisation=subject.normalisation)])
