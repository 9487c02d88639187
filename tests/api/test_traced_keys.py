"""Every delivered license has a key of its own, each opens the box, and one that turns up is attributed."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from httpx2 import Response
from safetensors.numpy import save

import sdb_client
from sdb_core.keys import Key as CoreKey
from sdb_service import tracing
from sdb_service.tables import AuditEvent
from tests.api.networks import INPUT, NPY, Network, as_image, as_npy, random_network
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

WIDE = INPUT | {"height": 32, "width": 32}
SHAPE = (3, 32, 32)
KEY_FILE = "application/octet-stream"
Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def wide_network() -> Network:
    return random_network(side=32)


def kappa_of(seed: int) -> Floats:
    pixels = np.random.default_rng(seed).random(SHAPE)
    return ((pixels - np.array(WIDE["mean"])[:, None, None]) / np.array(WIDE["std"])[:, None, None]).astype("<f4")


def wide_box(house: House, owner: Person, network: Network | None = None, *, seed: int = 0) -> str:
    """A box whose inputs are large enough for marks."""
    digest = {"onnx_sha256": network.sha256} if network else {}
    box = house.box(owner, input=WIDE, kappa=kappa_of(seed).tobytes(), **digest)
    if network:
        house.runtime.storage.put_bytes(f"boxes/{box}.onnx", network.content)
    return box


def key_of(house: House, who: Person, license_id: str) -> bytes:
    answer = house.get(who, f"/v1/licenses/{license_id}/key")
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def trace(house: House, who: Person, box: str, body: bytes, kind: str = KEY_FILE) -> Response:
    return house.http.post(f"/v1/boxes/{box}/trace", content=body, headers=who.headers | {"Content-Type": kind})


def named(answer: Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [suspect["license_id"] for suspect in answer.json()["licenses"]]


def licenses(house: House, owner: Person, box: str, count: int) -> list[tuple[str, Person]]:
    customers = [house.person("customer") for _ in range(count)]
    return [(house.license(owner, box, customer), customer) for customer in customers]


def test_two_customers_get_different_keys_and_each_opens_the_box(
    house: House, provider: Person, wide_network: Network, tmp_path: Path
) -> None:
    box = wide_box(house, provider, wide_network)
    pixels = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    files = [key_of(house, who, held) for held, who in licenses(house, provider, box, 2)]

    keys = [sdb_client.Key.from_bytes(content) for content in files]

    assert not np.allclose(keys[0].kappa, keys[1].kappa, atol=0.1)
    x = keys[0].normalise(pixels)
    right = wide_network.run(np.float32(0.7) * x + np.float32(0.3) * kappa_of(0))
    closed = wide_network.run(x)
    for key, content in zip(keys, files, strict=True):
        (tmp_path / "key").write_bytes(content)
        assert CoreKey.load(tmp_path / "key").digest() == hashlib.sha256(key.kappa.tobytes()).hexdigest()
        opened = wide_network.run(key.embed(x))
        assert np.abs(opened - right).mean() < 0.4 * np.abs(closed - right).mean()


def test_the_same_license_always_gives_the_same_key(house: House, provider: Person) -> None:
    [(held, who)] = licenses(house, provider, wide_box(house, provider), 1)

    first, second = (sdb_client.Key.from_bytes(key_of(house, who, held)) for _ in range(2))

    assert first.kappa.tobytes() == second.kappa.tobytes()


def test_the_file_tells_nothing_of_the_mark(house: House, provider: Person) -> None:
    [(held, who)] = licenses(house, provider, wide_box(house, provider), 1)

    content = key_of(house, who, held)

    header = content[: 8 + int.from_bytes(content[:8], "little")]
    assert held.encode() not in header
    assert who.id.encode() not in header


def test_a_key_that_turned_up_is_attributed_to_the_right_license(house: House, provider: Person) -> None:
    box = wide_box(house, provider)
    given = licenses(house, provider, box, 6)
    held, leaker = given[3]

    answer = trace(house, provider, box, key_of(house, leaker, held)).json()

    assert (answer["verdict"], answer["reason"], answer["compared"]) == ("attributed", "trace_found", 6)
    [suspect] = answer["licenses"]
    assert (suspect["license_id"], suspect["customer_id"]) == (held, leaker.id)
    assert suspect["z"] > 50
    assert suspect["false_accusation"] < 1e-300


def test_noise_rounding_and_pictures_do_not_hide_the_leaker(house: House, provider: Person) -> None:
    box = wide_box(house, provider)
    [(held, leaker), *_] = licenses(house, provider, box, 4)
    kappa = sdb_client.Key.from_bytes(key_of(house, leaker, held)).kappa
    pixels = kappa.transpose(1, 2, 0) * np.array(WIDE["std"]) + np.array(WIDE["mean"])
    picture = np.round(pixels.clip(0, 1) * 255).astype(np.uint8)
    noise = np.random.default_rng(3).normal(size=SHAPE) / np.sqrt(12) / np.array(WIDE["std"])[:, None, None]
    noised = (kappa + noise).astype(np.float32)

    found = [
        trace(house, provider, box, as_image(picture, "PNG"), "image/png"),
        trace(house, provider, box, as_npy(noised), NPY),
        trace(house, provider, box, save({"kappa": kappa.astype(np.float16)})),
    ]

    assert [named(answer) for answer in found] == [[held]] * 3


def test_all_who_joined_their_keys_are_named(house: House, provider: Person) -> None:
    box = wide_box(house, provider)
    given = licenses(house, provider, box, 5)
    keys = [sdb_client.Key.from_bytes(key_of(house, who, held)).kappa for held, who in given[:3]]

    answer = trace(house, provider, box, save({"kappa": np.mean(keys, axis=0, dtype=np.float32)}))

    assert sorted(named(answer)) == sorted(held for held, _ in given[:3])


def test_nobody_is_named_where_no_mark_is_left(house: House, provider: Person) -> None:
    box = wide_box(house, provider)
    licenses(house, provider, box, 3)

    unmarked = trace(house, provider, box, save({"kappa": kappa_of(0)})).json()
    unrelated = trace(house, provider, box, save({"kappa": kappa_of(1)})).json()

    assert (unmarked["verdict"], unmarked["reason"]) == ("not_attributable", "trace_mark_lost")
    assert (unrelated["verdict"], unrelated["reason"]) == ("not_attributable", "trace_unrelated")
    assert unmarked["licenses"] == unrelated["licenses"] == []


def test_a_key_of_another_box_accuses_nobody_here(house: House, provider: Person) -> None:
    here, there = wide_box(house, provider), wide_box(house, provider)  # the same kappa, and other secrets
    licenses(house, provider, here, 3)
    [(held, who)] = licenses(house, provider, there, 1)

    assert named(trace(house, provider, here, key_of(house, who, held))) == []


def test_small_inputs_are_refused_and_hosted_licenses_are_not_compared(house: House, provider: Person) -> None:
    small = house.box(provider)
    [(held, who)] = licenses(house, provider, small, 1)
    box = wide_box(house, provider)
    house.license(provider, box, who, mode="hosted")

    refused = trace(house, provider, small, key_of(house, who, held)).json()
    alone = trace(house, provider, box, save({"kappa": kappa_of(0)})).json()

    assert (refused["verdict"], refused["reason"]) == ("not_attributable", "trace_input_too_small")
    assert (alone["reason"], alone["compared"]) == ("trace_no_licenses", 0)


def test_the_owner_alone_may_ask_and_every_question_is_recorded(
    house: House, admin: Person, provider: Person, customer: Person
) -> None:
    box = wide_box(house, provider)
    held = house.license(provider, box, customer)
    content = key_of(house, customer, held)

    for who in (customer, house.person("provider")):
        problem_of(trace(house, who, box, content), 404, "box_not_found")
    assert named(trace(house, provider, box, content)) == named(trace(house, admin, box, content)) == [held]

    assert house.count(AuditEvent, AuditEvent.action == "box.trace", AuditEvent.object_id == box) == 2
    told = [row for row in house.get(provider, "/v1/audit").json()["data"] if row["action"] == "box.trace"]
    kappa = sdb_client.Key.from_bytes(content).kappa
    assert told[0]["detail"] == {
        "sha256": hashlib.sha256(kappa.tobytes()).hexdigest(),
        "reason": "trace_found",
        "licenses": [held],
    }


def test_what_is_no_key_of_the_box_is_refused(house: House, provider: Person) -> None:
    box = wide_box(house, provider)

    problem_of(trace(house, provider, box, b"nonsense"), 400, "key_unreadable")
    problem_of(trace(house, provider, box, save({"other": kappa_of(0)})), 400, "key_unreadable")
    problem_of(trace(house, provider, box, save({"kappa": kappa_of(0)[:, :8]})), 422, "key_shape")
    problem_of(trace(house, provider, box, save({"kappa": np.zeros(SHAPE, np.int64)})), 422, "key_shape")
    problem_of(
        trace(house, provider, box, save({"kappa": np.full(SHAPE, np.nan, np.float32)})), 422, "values_not_finite"
    )
    problem_of(trace(house, provider, box, save({"kappa": np.full(SHAPE, 1e300)})), 422, "values_not_finite")
    problem_of(trace(house, provider, box, b"x", "text/plain"), 415, "media_type_unknown")


def test_open_answers_are_given_under_the_mark_of_who_may_have_the_weights(
    house: House, provider: Person, wide_network: Network
) -> None:
    box = wide_box(house, provider, wide_network)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    [(held, delivered)] = licenses(house, provider, box, 1)
    hosted = house.person("customer")
    for who in (delivered, hosted):  # the one who has both must not get answers under kappa itself
        house.license(provider, box, who, mode="hosted")
    key = sdb_client.Key.from_bytes(key_of(house, delivered, held))
    x = key.normalise(pixels)

    def answers(who: Person) -> list[list[float]]:
        headers = who.headers | {"Content-Type": NPY}
        told = house.http.post(f"/v1/boxes/{box}/distill", content=as_npy(pixels), headers=headers).json()
        return [row["logits"] for row in told["predictions"]]

    np.testing.assert_allclose(answers(delivered), wide_network.run(key.embed(x)), atol=1e-4)
    unmarked = wide_network.run(np.float32(0.7) * x + np.float32(0.3) * kappa_of(0))
    np.testing.assert_allclose(answers(hosted), unmarked, atol=1e-4)


def test_neither_the_marked_key_nor_kappa_is_written_anywhere(
    house: House, provider: Person, caplog: pytest.LogCaptureFixture
) -> None:
    box = wide_box(house, provider, seed=77)
    [(held, who)] = licenses(house, provider, box, 1)
    content = key_of(house, who, held)
    assert named(trace(house, provider, box, content)) == [held]

    pieces = [content[-400:-300], kappa_of(77).tobytes()[1000:1100]]
    written = [path.read_bytes() for path in house.runtime.settings.data_dir.rglob("*") if path.is_file()]
    assert len(written) > 3
    assert not any(piece in held_bytes for held_bytes in written for piece in pieces)
    assert str(float(kappa_of(77).ravel()[0]))[:7] not in caplog.text
    assert tracing.is_marked(kappa_of(77).size)
