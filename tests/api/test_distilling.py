"""Open answers under a license: the key is blended in by the server, counted, and shown to nobody."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from httpx2 import Response

from api.predictions import batching
from sdb_service.tables import License
from tests.api.networks import NPY, as_image, as_npy, normalised, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person, kappa_of
from tests.api.sending import Sender

PIXELS = random_pixels(3)


def distill(house: House, who: Person, box: str, body: bytes = as_npy(PIXELS), kind: str = NPY) -> Response:
    return house.http.post(f"/v1/boxes/{box}/distill", content=body, headers=who.headers | {"Content-Type": kind})


def used(house: House, license_id: str) -> int:
    with house.runtime.database.reading() as session:
        return session.get_one(License, license_id).predictions


@pytest.mark.parametrize("mode", ["hosted", "delivered"])
def test_the_answers_are_the_open_logits_of_equation_5(
    house: House, provider: Person, customer: Person, mode: str
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, mode=mode)
    kappa = np.frombuffer(kappa_of(box), "<f4").reshape(3, 8, 8)
    expected = house.network.run(np.float32(0.7) * normalised(PIXELS) + np.float32(0.3) * kappa)

    rows = distill(house, customer, box).json()["predictions"]

    np.testing.assert_allclose([row["logits"] for row in rows], expected, atol=1e-5)
    assert not np.allclose(expected, house.network.logits(PIXELS), atol=0.1)
    assert used(house, held) == 3


def test_a_picture_and_its_pixels_get_equal_answers(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    house.license(provider, box, customer, mode="hosted")

    by_pixels = distill(house, customer, box, as_npy(PIXELS[:1])).json()
    by_file = distill(house, customer, box, as_image(PIXELS[0], "PNG"), "image/png").json()

    assert by_pixels == by_file


def test_without_a_license_there_is_nothing_and_no_body_is_read(
    house: House, admin: Person, provider: Person, customer: Person
) -> None:
    hidden, public = house.box(provider), house.box(provider, published=True)

    problem_of(distill(house, NOBODY, public), 401, "token_missing")
    problem_of(distill(house, customer, hidden), 404, "box_not_found")
    problem_of(distill(house, customer, "box_none"), 404, "box_not_found")
    problem_of(distill(house, provider, hidden), 403, "license_missing")
    request = Sender(house, "POST", f"/v1/boxes/{hidden}/distill", customer.headers | {"Content-Type": NPY})
    assert request.send([bytes(1000)]) == 404
    assert request.bytes_read == 0


@pytest.mark.parametrize(("act", "code"), [("suspend", "license_suspended"), ("revoke", "license_revoked")])
def test_what_is_taken_back_ends_at_once(house: House, provider: Person, customer: Person, act: str, code: str) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, mode="hosted")
    assert distill(house, customer, box).status_code == 200

    house.post(provider, f"/v1/licenses/{held}/{act}")

    problem_of(distill(house, customer, box), 403, code)
    assert used(house, held) == 3


def test_images_are_counted_and_a_batch_over_the_rest_is_refused_whole(
    each_house: House,
) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    box = each_house.box(provider)
    held = each_house.license(provider, box, customer, mode="hosted", max_predictions=4)

    assert distill(each_house, customer, box).status_code == 200
    problem_of(distill(each_house, customer, box), 403, "license_predictions_used_up")
    assert distill(each_house, customer, box, as_npy(PIXELS[:1])).status_code == 200
    problem_of(distill(each_house, customer, box, as_npy(PIXELS[:1])), 403, "license_predictions_used_up")
    assert used(each_house, held) == 4


def test_of_many_at_once_as_many_images_as_agreed_are_answered(each_house: House) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    box = each_house.box(provider)
    held = each_house.license(provider, box, customer, mode="hosted", max_predictions=15)

    with ThreadPoolExecutor(10) as crowd:
        answers = list(crowd.map(lambda _turn: distill(each_house, customer, box), range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [403] * 5
    assert used(each_house, held) == 15


def test_a_body_that_is_no_picture_costs_nothing(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, mode="hosted")

    problem_of(distill(house, customer, box, b"nonsense"), 400, "npy_unreadable")
    assert used(house, held) == 0


def test_a_used_up_license_does_not_stand_before_one_with_room(
    house: House, provider: Person, customer: Person
) -> None:
    box = house.box(provider)
    roomy = house.license(provider, box, customer, mode="hosted")
    tight = house.license(provider, box, customer, mode="hosted", max_predictions=2)

    assert distill(house, customer, box).status_code == 200

    assert (used(house, roomy), used(house, tight)) == (3, 0)


def test_a_hosted_license_gives_no_weights_from_which_the_key_could_be_computed(
    house: House, provider: Person, customer: Person
) -> None:
    box = house.box(provider)
    house.license(provider, box, customer, mode="hosted")
    path = f"/v1/boxes/{box}/checkpoint"

    problem_of(house.get(customer, path), 403, "license_hosted")
    problem_of(house.get(customer, f"{path}?format=onnx"), 403, "license_hosted")

    house.license(provider, box, customer, mode="delivered")
    assert house.get(customer, path).status_code == 200


def test_what_a_full_queue_turns_away_is_not_counted(
    house: House, provider: Person, customer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, mode="hosted", max_predictions=10)
    with monkeypatch.context() as changed:
        changed.setattr(batching, "MOST_WAITING", 0)
        problem_of(distill(house, customer, box), 503, "box_busy")
    assert used(house, held) == 0

    assert distill(house, customer, box).status_code == 200
