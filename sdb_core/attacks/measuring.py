"""From attacks to the rows of a report: each student beside its floor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdb_core import verdicts
from sdb_core.attacks.attack import Attack, Scene
from sdb_core.attacks.registry import named, panel
from sdb_core.attacks.temperatures import at_temperature
from sdb_core.evaluation import accuracy
from sdb_core.nets import PROGRAM
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


def chosen(settings: EvaluationSettings, *, model: str) -> tuple[Attack, ...]:
    """The attacks that `settings` name, or the level's against a `model` of this architecture.

    A level always has usual distillation, a larger student only where the usual one is not as large, and what reads
    its student's layers only where they can be read.
    """
    if settings.attacks:
        return named(settings.attacks)
    attacks, usual = panel(settings.level), at_temperature(settings.student_settings.temperature)
    if settings.student == model:
        attacks = tuple(attack for attack in attacks if attack.floor == "box" or not attack.large)
    if settings.student == PROGRAM:
        attacks = tuple(attack for attack in attacks if not attack.layers)
    return attacks if usual.name in {attack.name for attack in attacks} else (usual, *attacks)


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
