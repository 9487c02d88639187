"""Predictions: right, the same by every way in, and no more than the owner shows."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.api.asking import array_of, ask, logits_of, probs_of
from tests.api.networks import CLASSES, NPY, as_image, as_npy, normalised, random_pixels, softmax
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person

PIXELS = random_pixels(4)
ALL = ["labels", "probs", "logits"]


@pytest.fixture(scope="module")
def owner(house: House) -> Person:
    return house.person("provider")


@pytest.fixture(scope="module")
def open_box(house: House, owner: Person) -> str:
    """A box that shows everything."""
    return house.box(owner, published=True, outputs=ALL, top_k=CLASSES)


@pytest.fixture(scope="module")
def usual_box(house: House, owner: Person) -> str:
    """A box that shows what boxes show unless their owner says otherwise."""
    return house.box(owner, published=True)


def test_an_unpublished_box_is_not_found_for_the_public(each_house: House) -> None:
    owner, stranger = each_house.person("provider"), each_house.person("customer")
    box = each_house.box(owner)
    for who in (NOBODY, stranger):
        problem_of(ask(each_house, box, as_npy(PIXELS), who=who), 404, "box_not_found")
        problem_of(each_house.get(who, f"/v1/boxes/{box}"), 404, "box_not_found")
    assert ask(each_house, box, as_npy(PIXELS), who=owner).status_code == 200

    each_house.post(owner, f"/v1/boxes/{box}/publish")
    assert ask(each_house, box, as_npy(PIXELS)).status_code == 200
    each_house.post(owner, f"/v1/boxes/{box}/unpublish")
    problem_of(ask(each_house, box, as_npy(PIXELS)), 404, "box_not_found")


def test_a_licensed_customer_asks_an_unpublished_box_until_suspended(house: House, owner: Person) -> None:
    box, customer = house.box(owner), house.person("customer")
    held = house.license(owner, box, customer)
    assert ask(house, box, as_npy(PIXELS), who=customer).status_code == 200

    house.post(owner, f"/v1/licenses/{held}/suspend")

    problem_of(ask(house, box, as_npy(PIXELS), who=customer), 404, "box_not_found")


def test_answers_are_those_of_the_network_itself(house: House, open_box: str) -> None:
    expected = house.network.logits(PIXELS)

    answer = ask(house, open_box, as_npy(PIXELS), query="?return=labels,probs,logits")

    np.testing.assert_allclose(logits_of(answer), expected, atol=5e-6)
    np.testing.assert_allclose(probs_of(answer), softmax(expected), atol=1e-6)
    assert answer.json()["labels"] == expected.argmax(axis=1).tolist()
    assert len(set(answer.json()["labels"])) > 1


def test_equal_pixels_get_equal_answers_by_every_way_in(house: House, open_box: str) -> None:
    picture = random_pixels()[0]
    ways = [
        ask(house, open_box, as_npy(picture[None]), query="?return=logits"),
        ask(house, open_box, as_npy(picture), query="?return=logits"),
        ask(house, open_box, as_npy(np.asfortranarray(picture[None])), query="?return=logits"),
        ask(house, open_box, as_image(picture, "PNG"), "image/png", query="?return=logits"),
        ask(house, open_box, as_image(picture, "PNG"), "Image/PNG; x=y", query="?return=logits"),
    ]
    first = logits_of(ways[0])
    for answer in ways:
        np.testing.assert_array_equal(logits_of(answer), first)

    floats = ask(house, open_box, as_npy(normalised(picture[None])), query="?return=logits")

    np.testing.assert_allclose(logits_of(floats), first, atol=1e-5)


def test_a_jpeg_is_its_decoded_pixels(house: House, open_box: str) -> None:
    file = as_image(np.full((8, 8, 3), (200, 40, 90), np.uint8), "JPEG", quality=95)
    pixels = np.asarray(Image.open(BytesIO(file)).convert("RGB"))[None]

    by_file = logits_of(ask(house, open_box, file, "image/jpeg", query="?return=logits"))

    np.testing.assert_array_equal(by_file, logits_of(ask(house, open_box, as_npy(pixels), query="?return=logits")))


def test_a_picture_of_another_size_is_resized_on_demand_alone(house: House, open_box: str) -> None:
    one_colour = np.full((16, 12, 3), (200, 40, 90), np.uint8)
    file = as_image(one_colour, "PNG")
    problem_of(ask(house, open_box, file, "image/png"), 422, "image_size")

    answer = ask(house, open_box, file, "image/png", query="?return=logits&resize=true")

    np.testing.assert_allclose(logits_of(answer), house.network.logits(one_colour[None, :8, :8]), atol=5e-6)


def test_temperature_softens_the_probabilities_and_nothing_else(house: House, open_box: str) -> None:
    expected = house.network.logits(PIXELS)

    answer = ask(house, open_box, as_npy(PIXELS), query="?return=probs,logits&temperature=8")

    np.testing.assert_allclose(probs_of(answer), softmax(expected, 8), atol=1e-6)
    np.testing.assert_allclose(logits_of(answer), expected, atol=5e-6)


@pytest.mark.parametrize("temperature", ["0", "-1", "nan", "inf", "1001", "1e-300", "1e-39", "x"])
def test_a_temperature_that_is_none_is_refused(house: House, open_box: str, temperature: str) -> None:
    answer = ask(house, open_box, as_npy(PIXELS), query=f"?temperature={temperature}")

    problem_of(answer, 422, "request_invalid")


def test_the_usual_box_shows_labels_and_the_five_likeliest(house: House, usual_box: str) -> None:
    expected = softmax(house.network.logits(PIXELS))

    for query in ("", "?top_k=10", "?return=probs&top_k=1000"):
        rows = ask(house, usual_box, as_npy(PIXELS), query=query).json()["predictions"]
        for row, probs in zip(rows, expected, strict=True):
            assert [shown["label"] for shown in row["probs"]] == np.argsort(-probs)[:5].tolist()
            assert row["logits"] is None


def test_one_may_ask_for_fewer_classes_than_are_shown(house: House, usual_box: str) -> None:
    rows = ask(house, usual_box, as_npy(PIXELS), query="?top_k=2").json()["predictions"]

    assert [len(row["probs"]) for row in rows] == [2, 2, 2, 2]


def test_the_owner_sees_all_of_it(house: House, owner: Person, usual_box: str) -> None:
    answer = ask(house, usual_box, as_npy(PIXELS), who=owner, query="?return=probs,logits&top_k=10")

    np.testing.assert_allclose(probs_of(answer), softmax(house.network.logits(PIXELS)), atol=1e-6)
    np.testing.assert_allclose(logits_of(answer), house.network.logits(PIXELS), atol=5e-6)


@pytest.mark.parametrize("query", ["?return=logits", "?return=labels,logits", "?return=%20logits"])
@pytest.mark.parametrize("accept", ["application/json", NPY])
def test_what_is_not_shown_is_refused(house: House, usual_box: str, query: str, accept: str) -> None:
    answer = ask(house, usual_box, as_npy(PIXELS), query=query, accept=accept)

    problem_of(answer, 403, "output_not_published")


def test_an_array_of_probabilities_would_show_all_and_is_refused(house: House, usual_box: str) -> None:
    problem_of(ask(house, usual_box, as_npy(PIXELS), accept=NPY), 403, "output_not_published")


def test_a_box_that_shows_labels_alone_shows_labels_alone(house: House, owner: Person) -> None:
    box = house.box(owner, published=True, outputs=["labels"])
    expected = house.network.logits(PIXELS).argmax(axis=1)

    for query in ("", "?return=labels", "?return=", "?return=,&top_k=9"):
        rows = ask(house, box, as_npy(PIXELS), query=query).json()["predictions"]
        assert [row["label"] for row in rows] == expected.tolist()
        assert [(row["probs"], row["logits"]) for row in rows] == [(None, None)] * 4
        np.testing.assert_array_equal(array_of(ask(house, box, as_npy(PIXELS), query=query, accept=NPY)), expected)
    problem_of(ask(house, box, as_npy(PIXELS), query="?return=probs"), 403, "output_not_published")


def test_an_unknown_output_is_refused(house: House, usual_box: str) -> None:
    problem_of(ask(house, usual_box, as_npy(PIXELS), query="?return=weights"), 422, "output_unknown")


@pytest.mark.parametrize("query", ["?return=logits", "?return=probs", "?return=labels"])
def test_an_array_says_the_same_as_json(house: House, open_box: str, query: str) -> None:
    found = array_of(ask(house, open_box, as_npy(PIXELS), query=query, accept=NPY))

    expected = house.network.logits(PIXELS)
    by_name = {"?return=logits": expected, "?return=probs": softmax(expected), "?return=labels": expected.argmax(1)}
    np.testing.assert_allclose(found, by_name[query], atol=5e-6)
    assert found.dtype == (np.int64 if query == "?return=labels" else np.float32)


def test_class_names_stand_beside_their_numbers(house: House, owner: Person) -> None:
    names = [f"class {number}" for number in range(CLASSES)]
    box = house.box(owner, published=True, class_names=names)

    row = ask(house, box, as_npy(PIXELS[:1])).json()["predictions"][0]

    assert row["class_name"] == names[row["label"]]
    assert [shown["class_name"] for shown in row["probs"]] == [names[shown["label"]] for shown in row["probs"]]
