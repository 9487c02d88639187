"""A preset in a job's config reaches the students too, under what the job itself asks for."""

from typing import Any

import pytest

from sdb_core.errors import InvalidSettings
from sdb_core.settings import StudentSettings
from worker.child.wrapping import evaluation_settings

# What the API hands on where a provider named nothing but the level.
ASKED = {
    "level": "standard",
    "seeds": None,
    "student": None,
    "epochs": None,
    "compare": ["sdb"],
    "student_settings": {},
}


def spec(config: dict[str, Any], **evaluate: Any) -> dict[str, Any]:
    return {"config": config, "evaluate": {**ASKED, **evaluate}}


def test_without_a_preset_students_learn_as_the_method_has_it() -> None:
    found = evaluation_settings(spec({"lam": 0.6}))
    assert (found.level, found.student_settings) == ("standard", StudentSettings())
    assert evaluation_settings(spec({}, epochs=5)).student_settings == StudentSettings(epochs=5)


def test_a_presets_students_are_taught_by_its_recipe() -> None:
    found = evaluation_settings(spec({"preset": "paper-cifar100"}))
    taught = found.student_settings
    assert (found.student, taught.temperature, taught.optimiser, taught.epochs) == (
        "sdb:shufflenetv2",
        20.0,
        "sgd",
        200,
    )
    plain = evaluation_settings(spec({"preset": "paper-cifar10"}))
    assert (plain.student, plain.student_settings.optimiser) == ("sdb:cnn", "adam")


def test_what_the_job_asks_for_stands_over_the_preset() -> None:
    found = evaluation_settings(spec({"preset": "paper-cifar10"}, student="sdb:resnetc20", epochs=3, seeds=2))
    assert (found.student, found.seeds, found.level, found.compare) == ("sdb:resnetc20", 2, "standard", ("sdb",))
    assert (found.student_settings.optimiser, found.student_settings.epochs) == ("sgd", 3)


def test_students_are_taught_as_the_job_names_it() -> None:
    named = {"lr": 0.01, "temperature": 2.0, "epochs": 9}
    found = evaluation_settings(spec({"preset": "paper-cifar10"}, student_settings=named)).student_settings
    assert (found.lr, found.temperature, found.epochs, found.optimiser) == (0.01, 2.0, 9, "adam")
    assert evaluation_settings(spec({}, student_settings=named, epochs=3)).student_settings.epochs == 3
    with pytest.raises(InvalidSettings, match="temperature"):
        evaluation_settings(spec({}, student_settings={"temperature": -1}))


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="did you mean 'quick'"):
        evaluation_settings(spec({"preset": "quik"}))
