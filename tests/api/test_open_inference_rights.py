"""Who may have what by the Open Inference Protocol: the rules of predict and of distill."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from sdb_service.tables import License
from tests.api.networks import CLASSES, NPY, as_npy, normalised, random_pixels
from tests.api.seeding import House, Person
from tests.api.triton import Triton, client_of, of, refusal, tensor, wish
from tests.api.wiring import wired

PIXELS = random_pixels(3)
FLOATS = normalised(PIXELS)


@pytest.fixture(scope="module")
def triton(house: House) -> Iterator[Triton]:
    with wired(house) as wire, client_of(wire) as found:
        yield found


@pytest.fixture(scope="module")
def owner(house: House) -> Person:
    return house.person("provider")


@pytest.mark.parametrize(
    ("published", "top_k", "shown"),
    [
        (["labels"], 5, ["labels"]),
        (["labels", "probs"], 5, ["labels"]),  # a tensor of probabilities would show all of them
        (["labels", "probs"], CLASSES, ["labels", "probs"]),
        (["logits"], 5, ["logits"]),
    ],
)
def test_only_what_the_owner_publishes_whole_is_an_output(
    house: House, triton: Triton, owner: Person, published: list[str], top_k: int, shown: list[str]
) -> None:
    box = house.box(owner, published=True, outputs=published, top_k=top_k)

    def outputs(headers: dict[str, str] | None = None) -> list[str]:
        found = triton(lambda client: client.get_model_metadata(box, headers=headers))
        return [one["name"] for one in found["outputs"]]

    assert outputs() == shown
    assert outputs(of(owner)) == ["labels", "probs", "logits"]
    answer = triton(lambda client: client.infer(box, [tensor(PIXELS)])).get_response()
    assert [one["name"] for one in answer["outputs"]] == shown


def test_what_is_not_published_is_refused_with_the_cure(house: House, triton: Triton, owner: Person) -> None:
    box = house.box(owner, published=True)

    few = refusal(triton, lambda client: client.infer(box, [tensor(PIXELS)], outputs=[wish("probs")]))
    none = refusal(triton, lambda client: client.infer(box, [tensor(PIXELS)], outputs=[wish("logits")]))
    unknown = refusal(triton, lambda client: client.infer(box, [tensor(PIXELS)], outputs=[wish("labels,probs")]))

    assert (few.status(), none.status(), unknown.status()) == ("403", "403", "422")
    assert few.message().startswith("output_not_published: The box shows the 5 likeliest classes")
    assert none.message().startswith("output_not_published: The box's owner does not publish logits")
    assert unknown.message().startswith("output_unknown: There is no output 'labels,probs'")


def test_a_box_that_is_not_published_is_not_found_but_by_its_owner(house: House, triton: Triton, owner: Person) -> None:
    box = house.box(owner)
    asks: list[Callable[[Any], Any]] = [
        lambda client: client.infer(box, [tensor(PIXELS)]),
        lambda client: client.get_model_metadata(box),
        lambda client: client.infer(box, [tensor(PIXELS)], headers=of(house.person("customer"))),
    ]
    for one in asks:
        error = refusal(triton, one)
        assert (error.status(), error.message().partition(":")[0]) == ("404", "box_not_found")
    assert not triton(lambda client: client.is_model_ready(box))

    found = triton(lambda client: client.infer(box, [tensor(PIXELS)], headers=of(owner)))
    assert found.as_numpy("labels").shape == (3,)
    assert triton(lambda client: client.is_model_ready(box, "1", headers=of(owner)))


def test_a_bad_token_is_told(house: House, triton: Triton, owner: Person) -> None:
    box = house.box(owner, published=True)
    headers = {"Authorization": "Bearer nonsense"}

    assert refusal(triton, lambda client: client.infer(box, [tensor(PIXELS)], headers=headers)).status() == "401"


def test_the_hosted_key_opens_the_answers_and_counts(
    house: House, triton: Triton, owner: Person, customer: Person
) -> None:
    box = house.box(owner)
    held = house.license(owner, box, customer, mode="hosted", max_predictions=7)
    path = f"/v1/boxes/{box}/distill"
    expected = house.http.post(path, content=as_npy(PIXELS), headers=customer.headers | {"Content-Type": NPY}).json()

    def distilled(client: Any) -> Any:
        return client.infer(box, [tensor(FLOATS)], headers=of(customer), parameters={"key": "hosted"})

    found = triton(distilled)

    assert found.get_response()["parameters"] == {"key": "hosted"}
    np.testing.assert_allclose(found.as_numpy("logits"), [row["logits"] for row in expected["predictions"]], atol=1e-5)
    np.testing.assert_array_equal(found.as_numpy("labels"), expected["labels"])
    assert refusal(triton, distilled).message().startswith("license_predictions_used_up:")
    with house.runtime.database.reading() as session:
        assert session.get_one(License, held).predictions == 6


def test_without_a_good_license_there_is_no_hosted_key(
    house: House, triton: Triton, owner: Person, customer: Person
) -> None:
    public, hidden = house.box(owner, published=True), house.box(owner)
    held = house.license(owner, hidden, customer)
    house.post(owner, f"/v1/licenses/{held}/suspend")

    def told(box: str, headers: dict[str, str], **options: Any) -> str:
        given = {"parameters": {"key": "hosted"}} | options
        error = refusal(triton, lambda client: client.infer(box, [tensor(PIXELS)], headers=headers, **given))
        return str(error.message().partition(":")[0])

    assert told(public, {}) == "token_missing"
    assert told(public, of(customer)) == "license_missing"
    assert told(hidden, of(customer)) == "license_suspended"
    assert told(hidden, of(house.person("customer"))) == "box_not_found"
    assert told(public, {}, parameters={"key": "delivered"}) == "request_invalid"


def test_open_answers_are_labels_and_logits_alone(
    house: House, triton: Triton, owner: Person, customer: Person
) -> None:
    box = house.box(owner)
    house.license(owner, box, customer, mode="hosted")

    def distilled(name: str) -> Callable[[Any], Any]:
        options: dict[str, Any] = {"headers": of(customer), "parameters": {"key": "hosted"}}
        return lambda client: client.infer(box, [tensor(PIXELS)], outputs=[wish(name)], **options)

    assert [one["name"] for one in triton(distilled("logits")).get_response()["outputs"]] == ["logits"]
    assert refusal(triton, distilled("probs")).message().startswith("output_unknown:")
