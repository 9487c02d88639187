"""Open Inference Protocol V2: Triton's own client asks a running server, and hears what predict would say."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sdb_service import __version__
from tests.api.asking import array_of, ask
from tests.api.networks import CLASSES, NPY, as_npy, normalised, random_pixels
from tests.api.seeding import House, Person
from tests.api.triton import Triton, client_of, refusal, tensor, wish
from tests.api.wiring import wired

PIXELS = random_pixels(3)
FLOATS = normalised(PIXELS)
HALVES = FLOATS.astype(np.float16)


@pytest.fixture(scope="module")
def triton(house: House) -> Iterator[Triton]:
    with wired(house) as wire, client_of(wire) as found:
        yield found


@pytest.fixture(scope="module")
def owner(house: House) -> Person:
    return house.person("provider")


@pytest.fixture(scope="module")
def box(house: House, owner: Person) -> str:
    return house.box(owner, published=True, outputs=["labels", "probs", "logits"], top_k=CLASSES)


def predicted(house: House, box: str, images: npt.NDArray[Any], output: str) -> npt.NDArray[Any]:
    return array_of(ask(house, box, as_npy(images), query=f"?return={output}", accept=NPY))


def test_the_server_lives_is_ready_and_names_its_extensions(triton: Triton) -> None:
    assert triton(lambda client: client.is_server_live())
    assert triton(lambda client: client.is_server_ready())
    assert triton(lambda client: client.get_server_metadata()) == {
        "name": "sdb",
        "version": __version__,
        "extensions": ["binary_tensor_data", "parameters"],
    }


@pytest.mark.parametrize("version", ["", "1"])
def test_a_box_says_what_it_takes_and_gives(triton: Triton, box: str, version: str) -> None:
    assert triton(lambda client: client.get_model_metadata(box, version)) == {
        "name": box,
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 3, 8, 8]}],
        "outputs": [
            {"name": "labels", "datatype": "INT64", "shape": [-1]},
            {"name": "probs", "datatype": "FP32", "shape": [-1, CLASSES]},
            {"name": "logits", "datatype": "FP32", "shape": [-1, CLASSES]},
        ],
    }


@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize(("images", "alike"), [(PIXELS, PIXELS), (FLOATS, FLOATS), (HALVES, HALVES.astype(np.float32))])
def test_the_answers_are_those_of_predict(
    house: House,
    triton: Triton,
    box: str,
    images: npt.NDArray[Any],
    alike: npt.NDArray[Any],
    binary_in: bool,
    binary_out: bool,
) -> None:
    names = ["labels", "probs", "logits"]
    wishes = [wish(name, binary=binary_out) for name in names]

    found = triton(lambda client: client.infer(box, [tensor(images, binary=binary_in)], outputs=wishes))

    for name in names:
        expected = predicted(house, box, alike, name)
        assert found.as_numpy(name).dtype == expected.dtype
        np.testing.assert_allclose(found.as_numpy(name), expected, atol=1e-6)
        assert ("data" in found.get_output(name)) != binary_out


def test_without_wishes_the_outputs_are_those_of_predict_and_the_id_comes_back(triton: Triton, box: str) -> None:
    found = triton(lambda client: client.infer(box, [tensor(PIXELS)], request_id="seventh", model_version="1"))

    answer = found.get_response()
    assert [one["name"] for one in answer["outputs"]] == ["labels", "probs"]
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (box, "1", "seventh")
    assert found.as_numpy("probs").shape == (3, CLASSES)


def test_outputs_come_in_the_order_and_the_form_that_is_wished(house: House, triton: Triton, box: str) -> None:
    wishes = [wish("logits"), wish("labels", binary=False), wish("probs")]

    found = triton(lambda client: client.infer(box, [tensor(PIXELS)], outputs=wishes))

    assert [one["name"] for one in found.get_response()["outputs"]] == ["logits", "labels", "probs"]
    assert [("data" in one) for one in found.get_response()["outputs"]] == [False, True, False]
    for name in ("labels", "probs", "logits"):
        np.testing.assert_allclose(found.as_numpy(name), predicted(house, box, PIXELS, name), atol=1e-6)


def test_a_wrong_shape_is_told_with_the_right_one(triton: Triton, box: str) -> None:
    error = refusal(triton, lambda client: client.infer(box, [tensor(FLOATS[:, :, :7])]))

    assert error.status() == "422"
    assert error.message().startswith("array_shape: The array is float32 (3, 3, 7, 8); send")


def test_a_box_whose_file_is_gone_is_not_ready(house: House, triton: Triton, owner: Person) -> None:
    box = house.box(owner, published=True)
    assert triton(lambda client: client.is_model_ready(box))

    house.runtime.storage.delete(f"boxes/{box}.onnx")

    assert not triton(lambda client: client.is_model_ready(box))
    assert refusal(triton, lambda client: client.infer(box, [tensor(PIXELS)])).status() == "503"


def test_another_version_is_not_there(triton: Triton, box: str) -> None:
    error = refusal(triton, lambda client: client.infer(box, [tensor(PIXELS)], model_version="2"))

    assert (error.status(), error.message().partition(":")[0]) == ("404", "route_not_found")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"request_compression_algorithm": "gzip"}, "415", "content_encoding_unsupported"),
        ({"outputs": [wish("labels", class_count=3)]}, "422", "classification_unsupported"),
    ],
)
def test_what_is_not_served_here_is_said(
    triton: Triton, box: str, options: dict[str, Any], status: str, code: str
) -> None:
    error = refusal(triton, lambda client: client.infer(box, [tensor(PIXELS)], **options))

    assert (error.status(), error.message().partition(":")[0]) == (status, code)


def test_parameters_of_other_servers_are_passed_over(triton: Triton, box: str) -> None:
    given = {"priority": 1, "timeout": 1000, "parameters": {"content_type": "np"}}

    assert triton(lambda client: client.infer(box, [tensor(PIXELS)], **given)).as_numpy("labels").shape == (3,)
