"""Settings of jobs and shapes of models that no honest client sends: refused, and no poison for later answers."""

import json
from typing import Any

import pytest

from sdb_service.tables import Job, Model
from tests.api.networks import INPUT
from tests.api.problems import problem_of
from tests.api.seeding import House, Person


def nested(depth: int) -> dict[str, Any]:
    inner: Any = 1
    for _ in range(depth):
        inner = [inner]
    return {"a": inner}


HOSTILE = {
    "deeply nested": json.dumps(nested(300)),
    "nested as deep as JSON is read": json.dumps(nested(900)),
    "not a number": '{"a": NaN}',
    "infinite": '{"a": [-Infinity]}',
    "beyond all numbers": '{"a": 1e999}',
    "half a letter": '{"a": "\\ud800"}',
    "half a letter as a name": '{"\\ud800": 1}',
    "too much": json.dumps({"a": "x" * 20_000}),
    "too many digits": '{"a": %s}' % ("9" * 5000),
    "a list": "[]",
}


@pytest.mark.parametrize("place", ['"config": {}', '"evaluate": {{"student_settings": {}}}'])
@pytest.mark.parametrize("name", list(HOSTILE))
def test_settings_that_cannot_be_kept_are_refused(each_house: House, name: str, place: str) -> None:
    provider = each_house.person("provider")
    ids = json.dumps({"model_id": each_house.model(provider), "dataset_id": each_house.dataset(provider)})
    body = f"{ids[:-1]}, {place.format(HOSTILE[name])}}}"
    headers = provider.headers | {"Content-Type": "application/json", "Idempotency-Key": "k"}

    answer = each_house.http.post("/v1/jobs", content=body, headers=headers)

    assert answer.status_code in (400, 422), answer.text
    problem_of(answer, answer.status_code, answer.json()["code"])
    assert each_house.count(Job, Job.account_id == provider.id) == 0
    assert each_house.get(provider, "/v1/jobs").status_code == 200


def test_settings_of_usual_depth_are_kept_as_they_are(house: House, provider: Person) -> None:
    config = {"epochs": 3, "nested": {"list": [1, 2.5, "x", None, True]}}
    evaluate = {"student_settings": {"lr": 0.01}, "compare": ["sdb", "ke", "nasty-ke"]}
    body = {"model_id": house.model(provider), "dataset_id": house.dataset(provider), "config": config}

    kept = house.post(provider, "/v1/jobs", {**body, "evaluate": evaluate}).json()
    assert kept["config"] == config
    assert kept["evaluate"].items() >= evaluate.items()


@pytest.mark.parametrize("policy", ["sdb-hardened", "sdb", "nasty", "ke", "nasty-ke", "normal"])
def test_every_policy_can_be_asked_for(house: House, provider: Person, policy: str) -> None:
    ids = {"model_id": house.model(provider), "dataset_id": house.dataset(provider)}
    assert house.post(provider, "/v1/jobs", {**ids, "policy": policy}).json()["policy"] == policy


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": ["NaN", 0.5, 0.5]},
        {"std": ["Infinity", 0.5, 0.5]},
        {"std": ["1e999", 0.5, 0.5]},
        {"std": [0, 0.5, 0.5]},
        {"std": [0.5]},
        {"mean": []},
        {"height": 0},
        {"width": 10**30},
        {"channels": 5},
    ],
)
def test_an_input_no_network_takes_is_refused(each_house: House, changes: dict[str, Any]) -> None:
    provider = each_house.person("provider")
    body = {"name": "m", "architecture": "sdb:cnn-mini", "num_classes": 10, "input": INPUT | changes}
    text = json.dumps(body | {"upload_id": each_house.upload(provider)})
    for word in ("NaN", "Infinity", "1e999"):
        text = text.replace(f'"{word}"', word)

    answer = each_house.http.post(
        "/v1/models", content=text, headers=provider.headers | {"Content-Type": "application/json"}
    )

    problem_of(answer, 422, "request_invalid")
    assert each_house.count(Model, Model.account_id == provider.id) == 0


@pytest.mark.parametrize(
    "architecture",
    ["sdb:../x", "timm:hf-hub:a/b", "timms:resnet18", "sdb:", "torchvision:a b", "sdb:cnn\n", "programs"],
)
def test_an_architecture_is_a_name_of_a_known_kind(house: House, provider: Person, architecture: str) -> None:
    body = {"name": "m", "architecture": architecture, "num_classes": 10, "input": INPUT}

    answer = house.post(provider, "/v1/models", body | {"upload_id": house.upload(provider)})

    problem_of(answer, 422, "request_invalid")


@pytest.mark.parametrize("architecture", ["sdb:resnet18", "torchvision:resnet18", "timm:resnet18", "program"])
def test_every_kind_of_architecture_is_taken_in(house: House, provider: Person, architecture: str) -> None:
    body = {"name": "m", "architecture": architecture, "num_classes": 10, "input": INPUT}

    answer = house.post(provider, "/v1/models", body | {"upload_id": house.upload(provider)})

    assert answer.status_code == 201, answer.text


def test_what_compares_a_thousand_times_is_refused(house: House, provider: Person) -> None:
    body = {"model_id": house.model(provider), "dataset_id": house.dataset(provider)}

    answer = house.post(provider, "/v1/jobs", body | {"evaluate": {"compare": ["sdb"] * 1000}})

    problem_of(answer, 422, "request_invalid")


@pytest.mark.parametrize("number", ["x", "-1", "\xb2"])
def test_a_last_event_that_is_none_is_refused(house: House, provider: Person, number: str) -> None:
    job = house.job(provider, state="succeeded")
    headers = provider.headers | {"Last-Event-ID": number.encode("latin1")}

    answer = house.http.get(f"/v1/jobs/{job}/events", headers=headers)

    problem_of(answer, 400, "event_id_invalid")


def test_the_story_of_a_finished_job_ends(house: House, provider: Person) -> None:
    job = house.job(provider, state="succeeded")

    answer = house.get(provider, f"/v1/jobs/{job}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: end" in answer.text
