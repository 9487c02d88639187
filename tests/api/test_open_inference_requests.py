"""Requests of the Open Inference Protocol by hand, and what they cost."""

from typing import Any, NoReturn

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from tests.api.conftest import house_on
from tests.api.networks import Network, normalised, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House
from tests.api.sending import Sender
from tests.api.test_requests import wait_for_a_young_minute
from tests.api.triton import binary, error_of, infer, inference, packed
from tests.servers.profiles import Profile

PIXELS = random_pixels(3)
FLOATS = normalised(PIXELS)


@pytest.fixture(scope="module")
def box(house: House) -> str:
    return house.box(house.person("provider"), published=True)


@pytest.mark.parametrize("data", [PIXELS.tolist(), PIXELS.reshape(3, -1).tolist(), PIXELS.reshape(-1).tolist()])
def test_lists_may_be_flat_or_nested(house: House, box: str, data: Any) -> None:
    answer = infer(house, box, inference(PIXELS, data=data))

    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == house.network.logits(PIXELS).argmax(axis=1).tolist()
    assert "id" not in answer.json()


def test_whole_numbers_are_good_values_too(house: House, box: str) -> None:
    ones = inference(PIXELS, datatype="FP32", shape=FLOATS.shape, data=[1] * FLOATS.size)

    found = infer(house, box, ones).json()["outputs"][0]["data"]

    assert found == house.network.run(np.ones_like(FLOATS)).argmax(axis=1).tolist()


def test_images_are_counted_and_told_in_the_headers(house: House) -> None:
    owner = house.person("provider")
    box = house.box(owner)

    lefts = [int(infer(house, box, inference(PIXELS), who=owner).headers["x-ratelimit-remaining"]) for _ in range(2)]

    assert lefts[0] - lefts[1] == 3
    assert house.http.app.state.lane.metrics.images[box] == 6  # type: ignore[attr-defined]


def test_over_the_budget_nothing_is_answered(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network, public_images_per_minute=4) as house:
        box = house.box(house.person("provider"), published=True)
        wait_for_a_young_minute()
        answers = [infer(house, box, inference(PIXELS)) for _ in range(2)]

    assert answers[0].status_code == 200
    error_of(answers[1], 429, "image_budget_spent")
    assert 1 <= int(answers[1].headers["retry-after"]) <= 61


def test_requests_that_come_to_nothing_and_look_ups_are_limited_and_health_is_not(
    embedded_profile: Profile, network: Network
) -> None:
    with house_on(embedded_profile.settings, network, requests_per_minute=3) as house:
        box = house.box(house.person("provider"), published=True)
        wait_for_a_young_minute()
        failed = [infer(house, box, b"{") for _ in range(4)]
        looked = [house.get(NOBODY, f"/v2/models/{box}") for _ in range(4)]
        health = [house.get(NOBODY, "/v2/health/ready").status_code for _ in range(5)]

    error_of(failed[2], 400, "json_unreadable")
    error_of(failed[3], 429, "failures_limited")
    assert [answer.status_code for answer in looked[:3]] == [200] * 3
    error_of(looked[3], 429, "rate_limited")
    assert health == [200] * 5


def test_too_much_is_refused_by_bytes_and_by_images(house: House, box: str) -> None:
    error_of(infer(house, box, bytes(2**25 + 1)), 413, "body_too_large")
    error_of(infer(house, box, b" " * (2**23 + 1)), 413, "json_too_large")
    many = np.zeros((1025, 8, 8, 3), np.uint8)
    body, headers = packed(binary(many, many.nbytes), many.tobytes())
    error_of(infer(house, box, body, **headers), 413, "batch_too_large")


def test_the_body_of_whoever_may_not_ask_is_not_read(house: House) -> None:
    box = house.box(house.person("provider"))
    request = Sender(house, "POST", f"/v2/models/{box}/infer", {})

    assert request.send([bytes(1000)]) == 404
    assert request.bytes_read == 0


def test_what_the_framework_refuses_is_told_to_clients_of_the_protocol_too(house: House) -> None:
    error_of(house.http.post("/v2"), 405, "method_not_allowed")
    error_of(house.http.get("/v2/repository/index"), 404, "route_not_found")
    assert "error" not in problem_of(house.http.get("/v1/nothing"), 404, "route_not_found")
    assert "error" not in problem_of(house.http.get("/v2000"), 404, "route_not_found")


def test_without_its_database_the_server_is_not_ready(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> NoReturn:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(house.runtime.database, "reading", broken)

    error_of(house.get(NOBODY, "/v2/health/ready"), 503, "not_ready")
    assert house.get(NOBODY, "/readyz").status_code == 503
    assert house.get(NOBODY, "/v2/health/live").json() == {"live": True}
