"""Every attack of the panel runs, and is what it says it is. A new attack is tested by being registered."""

import importlib
import json
import pkgutil

import jsonschema
import pytest
import torch

import sdb_core.attacks
import sdb_core.students
import sdb_core.subject
from sdb_core.attacks import PANEL, Attack, Scene, measure, named, panel
from sdb_core.attacks.attack import HOLDINGS, INTERFACES
from sdb_core.errors import InvalidSettings, TrainingStopped
from sdb_core.observer import SilentObserver
from sdb_core.queries import IMAGE_SETS
from sdb_core.report import SCHEMA_PATH
from sdb_core.settings import LEVELS, EvaluationSettings
from sdb_core.students import Classroom
from sdb_core.subject import Subject, code_version
from sdb_core.training import Run, train
from tests.core.attacks.conftest import RUN, SETTINGS


def each(attacks):
    return pytest.mark.parametrize("attack", attacks, ids=[attack.name for attack in attacks])


every_attack = each(PANEL)


@pytest.fixture(scope="package")
def rows(subject, tmp_path_factory):
    """The whole panel, measured once."""
    folder = tmp_path_factory.mktemp("state")
    found = measure(PANEL, subject, settings=SETTINGS, run=RUN, state_folder=folder)
    return {row["name"]: row for row in found} | {"": folder}


def test_every_file_of_the_folder_that_has_attacks_is_registered():
    found = set()
    for module in pkgutil.iter_modules(sdb_core.attacks.__path__):
        found |= set(getattr(importlib.import_module(f"sdb_core.attacks.{module.name}"), "ATTACKS", ()))
    assert found == set(PANEL)
    assert len({attack.name for attack in PANEL}) == len(PANEL)


@every_attack
def test_an_attack_declares_what_a_reader_needs(attack):
    assert attack.interface in INTERFACES
    assert attack.holds in HOLDINGS
    assert attack.level in LEVELS
    assert attack.images in IMAGE_SETS
    assert attack.about.endswith(".")


WRONG = {
    "interface": ({"interface": "labelz"}, "choose one of labels, topk"),
    "holds": ({"holds": "the key"}, "choose one of nothing, part of the key"),
    "level": ({"level": "endless"}, "choose one of none, quick"),
    "images": ({"images": "test"}, "choose one of train, half"),
    "floor": ({"floor": "scratch"}, "choose one of students, box"),
    "top without topk": ({"top": 3}, "if its interface is topk"),
    "topk without top": ({"interface": "topk"}, "if its interface is topk"),
    "weights shown and not held": ({"interface": "weights"}, "if it holds the weights"),
    "weights held and not shown": ({"holds": "weights"}, "if it holds the weights"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_attack_that_declares_what_does_not_exist_is_refused_with_the_choices(wrong):
    properties, cure = WRONG[wrong]
    given = {"interface": "probabilities", "prepare": lambda scene: None} | properties
    with pytest.raises(InvalidSettings, match=rf"The attack own .*{cure}"):
        Attack("own", "An attack of one's own.", **given)


@every_attack
def test_an_attack_ends_in_a_row_of_the_schema(attack, rows):
    schema = json.loads(SCHEMA_PATH.read_text())
    row_schema = schema["properties"]["attacks"]["items"] | {"$defs": schema["$defs"]}
    row = rows[attack.name]
    jsonschema.validate(row, row_schema)
    assert row["points_over_floor"] == pytest.approx(row["accuracy"]["mean"] - row["floor"]["mean"], abs=1e-3)
    asked = {"half": 48, "train": 96}.get(attack.images, 96) if attack.asks else 0
    steps, images = attack.search
    assert row["query_budget"] == asked + steps * min(images, 96)
    assert ("without labels" in row["data_budget"]) != attack.truth


@each([attack for attack in PANEL if attack.holds != "weights"])
def test_an_attack_sees_no_more_than_its_interface_shows(attack, subject):
    """A box of other logits, the same to this attacker, teaches the same first step."""
    assert _first_loss(attack, subject) == pytest.approx(_first_loss(attack, _disguised(subject, attack)), abs=1e-4)


@each([attack for attack in PANEL if not attack.truth])
def test_an_attack_without_truth_never_reads_a_label(attack, room):
    assert int(Scene(room, attack).images.labels.abs().sum()) == 0


def test_the_same_seed_gives_the_same_rows(subject, rows):
    some = named(["linear-undo", "skeptical", "data-free"])
    again = measure(some, subject, settings=SETTINGS, run=RUN)
    assert again == [rows[attack.name] for attack in some]
    for attack in some:
        assert _first_loss(attack, subject) == _first_loss(attack, subject)
        assert _first_loss(attack, subject) != _first_loss(attack, subject, seed=4)


class Counts(SilentObserver):
    def __init__(self, most: int = 10**6) -> None:
        self.taught, self.most = 0, most

    def checkpoint(self, path) -> None:
        self.taught += 1

    def should_stop(self) -> bool:
        return self.taught >= self.most


def test_a_second_call_teaches_nothing_and_prepares_nothing(subject, rows, monkeypatch):
    watcher = Counts()
    monkeypatch.setattr(sdb_core.attacks.key_recovery, "recovered", None)
    run = Run("attack", 3, observer=watcher)
    again = measure(named(["key-recovery", "htc"]), subject, settings=SETTINGS, run=run, state_folder=rows[""])
    assert watcher.taught == 0
    assert again == [row for name, row in rows.items() if name in {"key-recovery", "htc"}]
    assert "correlation_with_key" in again[1]["notes"]


def test_students_of_other_sources_are_taught_again(subject, tmp_path, monkeypatch):
    sources, state = tmp_path / "sources", tmp_path / "state"
    for folder in (sources, state):
        folder.mkdir()
    monkeypatch.setattr(sdb_core.subject, "SOURCES", sources)
    monkeypatch.setattr(sdb_core.students, "code_version", code_version.__wrapped__)  # which asks anew
    taught = []
    for text in ("one", "one", "another"):
        (sources / "losses.py").write_text(text)
        watcher = Counts()
        run = Run("attack", 3, observer=watcher)
        measure(named(["top-1"]), subject, settings=SETTINGS, run=run, state_folder=state)
        taught.append(watcher.taught)
    assert taught == [3 + 1, 0, 3 + 1]


def test_a_stopped_panel_goes_on_where_it_ended(subject, rows, tmp_path):
    some = named(["top-1", "sharpened"])
    stopped = Run("attack", 3, observer=Counts(most=4))
    with pytest.raises(TrainingStopped):
        measure(some, subject, settings=SETTINGS, run=stopped, state_folder=tmp_path)
    watcher = Counts()
    resumed = measure(some, subject, settings=SETTINGS, run=Run("attack", 3, observer=watcher), state_folder=tmp_path)
    assert watcher.taught == 3 + 2 - 4
    assert resumed == [rows["top-1"], rows["sharpened"]]


def test_levels_grow_and_unknown_names_are_refused_with_near_ones():
    sizes = [len(panel(level)) for level in LEVELS]
    assert sizes == sorted(set(sizes))
    assert (panel("none"), panel("full")) == ((), PANEL)
    with pytest.raises(InvalidSettings, match="label-only"):
        named(["label-onyl"])
    with pytest.raises(InvalidSettings, match="standard"):
        panel("endless")


def test_the_full_level_takes_five_seeds_unless_told():
    assert EvaluationSettings.from_dict({"level": "full"}).seeds == 5
    assert EvaluationSettings.from_dict({"level": "full", "seeds": 2}).seeds == 2
    assert EvaluationSettings.from_dict({}).seeds == 3


class Disguise(torch.nn.Module):
    """A box whose answers differ from another's in what an interface does not show."""

    def __init__(self, box: torch.nn.Module, interface: str, top: int) -> None:
        super().__init__()
        self.box, self.interface, self.top = box, interface, top

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.box(x)
        if self.interface == "logits":
            return logits
        if self.interface == "probabilities":
            return logits + x.mean(dim=(1, 2, 3)).unsqueeze(1)
        if self.interface == "labels":
            return 0.1 * logits + logits.argsort(dim=1).argsort(dim=1)
        order = logits.argsort(dim=1, descending=True)
        turned = torch.cat([order[:, : self.top], order[:, self.top :].flip(1)], dim=1)
        return torch.empty_like(logits).scatter(1, turned, logits.gather(1, order))


def _disguised(subject: Subject, attack) -> Subject:
    return Subject(**{**vars(subject), "box": Disguise(subject.box, attack.interface, attack.top)})


def _first_loss(attack, subject: Subject, *, seed: int = 3) -> float:
    lesson = attack.prepare(Scene(Classroom(subject, SETTINGS, run=Run("attack", seed)), attack))
    student = lesson.new(seed)
    history = train(
        student,
        lesson.objective(student),
        lesson.images,
        normalisation=subject.normalisation,
        settings=lesson.settings,
        run=Run("first", seed),
    )
    return history[0]["loss"]
