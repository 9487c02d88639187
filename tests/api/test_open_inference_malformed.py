"""A thousand requests of the Open Inference Protocol that are none: each a 4xx that names the cure."""

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.api.networks import normalised, random_pixels
from tests.api.seeding import House
from tests.api.triton import JSON_BYTES, Body, binary, error_of, infer, inference, packed

PIXELS = random_pixels(3)
FLOATS = normalised(PIXELS)


@pytest.fixture(scope="module")
def box(house: House) -> str:
    return house.box(house.person("provider"), published=True)


def lying_size(dice: random.Random) -> Body:
    size = dice.choice([-1, 0, 575, 577, 2**40, 2**63, 2**70, "576", 576.0, 1e308, True, [576]])
    return packed(binary(PIXELS, size), PIXELS.tobytes())


def lying_header(dice: random.Random) -> Body:
    length = dice.choice(["-1", "0", "+9", "1e2", " ", "", "10", "700", "999999", "9" * 30, "0x10", "1 0", "1_0"])
    return packed(binary(PIXELS, 576), PIXELS.tobytes(), json_bytes=length)


def no_header(dice: random.Random) -> Body:
    return packed(binary(PIXELS, 576), dice.choice([b"", PIXELS.tobytes()]))[0], {}


def lying_shape(dice: random.Random) -> Body:
    shapes: list[Any] = [[3, 8, 8], [], [576], [-3, 8, 8, 3], [3, 8, 8, 3.0], [2**62, 2**62], [0, 2**62, 2**62, 2**62]]
    shapes += [[0, 8, 8, 3], [2, 8, 8, 3], [3, 8, 3, 8], [1] * 9, [1] * 5000, ["3"], None, {}, [True, 8, 8, 3], [2**70]]
    shapes += [[1, 1, 1, 1, 3, 8, 8, 3], [0, 2**31, 2**31, 2**31], [2**63, 0, 0, 0]]
    shape = dice.choice(shapes)
    return packed(binary(PIXELS, 576, shape=shape), PIXELS.tobytes()) if dice.random() < 0.5 else listed(shape=shape)


def lying_datatype(dice: random.Random) -> Body:
    datatypes = ["FP32", "FP16", "FP64", "BF16", "INT8", "BOOL", "BYTES", "uint8", "", "x" * 500, None, 3]
    datatype = dice.choice(datatypes)
    if dice.random() < 0.5:
        return packed(binary(PIXELS, 576, datatype=datatype), PIXELS.tobytes())
    return listed(datatype=datatype)


def listed(**changes: Any) -> Body:
    return json.dumps(inference(PIXELS, **changes)).encode(), {}


def bad_data(dice: random.Random) -> Body:
    values: list[Any] = [[], {}, "", None, "AAAA", [256] * 576, [-1] * 576, [0.5] * 576, [[0] * 575, [0]], [None] * 576]
    values += [
        ["1"] * 576,
        [True] * 576,
        [2**80] * 576,
        [1e39] * 576,
        [[[[[0]]]]],
        ["a" * 9000, *[""] * 9000],
        [0] * 9**5,
    ]
    return listed(data=dice.choice(values))


def not_finite(dice: random.Random) -> Body:
    values = FLOATS.astype(dice.choice([np.float32, np.float16]))
    values.reshape(-1)[dice.randrange(values.size)] = dice.choice([np.nan, np.inf, -np.inf])
    name = "FP32" if values.dtype == np.float32 else "FP16"
    if dice.random() < 0.5:
        return listed(datatype=name, shape=values.shape, data=values.astype(float).reshape(-1).tolist())
    return packed(binary(PIXELS, values.nbytes, datatype=name, shape=values.shape), values.tobytes())


def no_request(dice: random.Random) -> Body:
    texts = [
        "",
        "{",
        "null",
        "[]",
        "3",
        "{}",
        '{"inputs": []}',
        '{"inputs": 3}',
        '{"inputs": [3]}',
        "\0",
        '{"inputs": {}}',
    ]
    texts += ["[" * 3000, '{"inputs": [' + "1," * 5000 + "1]}", '{"inputs": [' + "{}," * 5000 + "{}]}"]
    return dice.choice(texts).encode(), {}


def another_field(dice: random.Random) -> Body:
    found = inference(PIXELS)
    changes: list[dict[str, Any]] = [
        {"id": 7},
        {"id": "x" * 2000},
        {"parameters": []},
        {"parameters": {"key": "delivered"}},
        {"parameters": {"binary_data_output": "yes"}},
        {"outputs": [{"name": "probs"}]},
        {"outputs": [{"name": "label"}]},
        {"outputs": [{"name": "labels"}, {"name": "labels"}]},
        {"outputs": [{}] * 500},
        {"outputs": [{"name": "labels", "parameters": {"binary_data": 1}}]},
        {"outputs": [{"name": "labels", "parameters": {"classification": 2}}]},
        {"outputs": [{"name": "labels", "parameters": {"shared_memory_region": "r"}}]},
        {"inputs": found["inputs"] * 2},
        {"inputs": [found["inputs"][0] | {"name": "images"}]},
        {"inputs": [found["inputs"][0] | {"parameters": {"shared_memory_region": "r"}}]},
        {"inputs": [found["inputs"][0] | {"parameters": {"binary_data_size": 576}}]},
    ]
    return json.dumps(found | dice.choice(changes)).encode(), {}


def noise(dice: random.Random) -> Body:
    return dice.randbytes(dice.randint(0, 2000)), {
        JSON_BYTES: str(dice.randint(-10, 2100))
    } if dice.random() < 0.7 else {}


def cut(dice: random.Random) -> Body:
    body, headers = packed(binary(PIXELS, 576), PIXELS.tobytes())
    return body[: dice.randrange(len(body))], headers


SHAPES: list[Callable[[random.Random], Body]] = [lying_size, lying_header, no_header, lying_shape, lying_datatype]
SHAPES += [bad_data, not_finite, no_request, another_field, noise, cut]


def test_a_thousand_malformed_requests_are_refused_each_with_its_cure(house: House, box: str) -> None:
    dice, codes = random.Random(0), Counter[str]()
    for turn in range(1100):
        shape = SHAPES[turn % len(SHAPES)]
        body, headers = shape(dice)

        answer = infer(house, box, body, **headers)

        assert 400 <= answer.status_code < 500, (shape, body[:300], headers, answer.text)
        code = answer.json()["code"]
        error_of(answer, answer.status_code, code)
        codes[code] += 1
    assert len(codes) >= 14, codes
    body, headers = packed(binary(PIXELS, 576), PIXELS.tobytes())
    assert infer(house, box, body, **headers).status_code == 200
