"""What a job's evidence is made of: what the caller names, else the preset, else the method's defaults."""

from typing import Any

import pytest

from api.jobs import schemas
from sdb_core.settings import PRESETS, EvaluationSettings
from sdb_service.tables import Job
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from worker.child.wrapping import evaluation_settings

DEFAULTS = EvaluationSettings()


def ask(house: House, provider: Person, **settings: Any) -> dict[str, Any]:
    body = {"model_id": house.model(provider), "dataset_id": house.dataset(provider), **settings}
    answer = house.post(provider, "/v1/jobs", body)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def evidence(house: House, provider: Person, **settings: Any) -> EvaluationSettings:
    """What the worker makes of a job's row."""
    job_id = ask(house, provider, **settings)["id"]
    with house.runtime.database.reading() as session:
        row = session.get_one(Job, job_id)
        return evaluation_settings({"config": row.config, "evaluate": row.evaluate})


@pytest.mark.parametrize("named", [{}, {"evaluate": {}}, {"evaluate": {"level": None, "seeds": None, "compare": None}}])
def test_what_nobody_names_is_the_presets(house: House, provider: Person, named: dict[str, Any]) -> None:
    found = evidence(house, provider, config={"preset": "quick"}, **named)
    assert (found.level, found.seeds, found.compare) == ("quick", 1, ())


def test_what_the_caller_names_stands_over_the_preset(house: House, provider: Person) -> None:
    named = {"level": "standard", "seeds": 2, "compare": ["ke", "nasty"]}
    found = evidence(house, provider, config={"preset": "quick"}, evaluate=named)
    assert (found.level, found.seeds, found.compare) == ("standard", 2, ("ke", "nasty"))
    partly = evidence(house, provider, config={"preset": "quick"}, evaluate={"compare": ["normal"]})
    assert (partly.level, partly.seeds, partly.compare) == ("quick", 1, ("normal",))


def test_naming_no_policy_compares_none(house: House, provider: Person) -> None:
    assert evidence(house, provider, evaluate={"compare": []}).compare == ()


def test_where_neither_names_it_the_default_stands(house: House, provider: Person) -> None:
    assert evidence(house, provider) == DEFAULTS
    found = evidence(house, provider, config={"preset": "paper-cifar100"})
    assert (found.level, found.seeds, found.compare) == (DEFAULTS.level, DEFAULTS.seeds, DEFAULTS.compare)
    assert evidence(house, provider, evaluate={"level": "full"}).seeds == 5


def test_a_job_shows_what_was_named_and_nothing_else(house: House, provider: Person) -> None:
    shown = ask(house, provider, evaluate={"level": "quick"})["evaluate"]
    assert {name: value for name, value in shown.items() if value} == {"level": "quick"}


@pytest.mark.parametrize("preset", ["quik", "tiny-imagenet", "", None, 1, ["quick"]])
@pytest.mark.parametrize("place", ["config", "student_settings"])
def test_a_preset_that_does_not_exist_is_refused_at_once(
    house: House, provider: Person, place: str, preset: object
) -> None:
    ids = {"model_id": house.model(provider), "dataset_id": house.dataset(provider)}
    named = {"preset": preset}
    settings = {"config": named} if place == "config" else {"evaluate": {place: named}}

    answer = house.post(provider, "/v1/jobs", ids | settings)

    problem_of(answer, 422, "request_invalid")
    assert "nasty-tiny-imagenet" in answer.text
    assert house.count(Job, Job.account_id == provider.id) == 0


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"precision": "bfloat16"}, "no bfloat16 convolution"),
        ({"precision": "int4"}, "'float32' or 'int8'"),
        ({"precision": "int8", "evaluate": {"level": "none"}}, "needs a report with the measured difference"),
    ],
)
def test_a_precision_that_cannot_be_served_or_would_not_be_measured_is_refused(
    house: House, provider: Person, settings: dict[str, Any], cure: str
) -> None:
    ids = {"model_id": house.model(provider), "dataset_id": house.dataset(provider)}
    answer = house.post(provider, "/v1/jobs", ids | settings)
    problem_of(answer, 422, "request_invalid")
    assert cure in answer.text
    assert house.count(Job, Job.account_id == provider.id) == 0


def test_a_job_is_served_in_float32_unless_it_asks_for_int8(house: House, provider: Person) -> None:
    assert ask(house, provider)["precision"] == "float32"
    assert ask(house, provider, precision="int8", evaluate={"level": "quick"})["precision"] == "int8"


def test_the_presets_that_are_taken_in_are_the_methods() -> None:
    assert set(schemas.PRESETS) == set(PRESETS)


@pytest.mark.parametrize("name", schemas.PRESETS)
def test_every_preset_can_be_asked_for_and_leaves_a_report(house: House, provider: Person, name: str) -> None:
    assert evidence(house, provider, config={"preset": name}).level != "none"
