"""The ways in and out for batches: each says the same as npy, and what is broken is refused with its cure."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from tests.api.asking import ask, logits_of
from tests.api.networks import CLASSES, NPY, as_image, as_npy, normalised, random_pixels, softmax
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

PIXELS = random_pixels(3)
FLOATS = normalised(PIXELS)
FILES = [as_image(one, "PNG") for one in PIXELS]
RAW, TENSORS, JSON = "application/octet-stream", "application/x-safetensors", "application/json"


def form(*files: bytes, end: bytes = b"--cut--\r\n") -> bytes:
    heads = [
        f'--cut\r\nContent-Disposition: form-data; name="files"; filename="{n}"\r\n\r\n' for n in range(len(files))
    ]
    return b"".join(head.encode() + file + b"\r\n" for head, file in zip(heads, files, strict=True)) + end


def text(images: Any) -> bytes:
    return json.dumps({"images": images}).encode()


FORM = "multipart/form-data; boundary=cut"
COLOURED_JPEG = as_image(PIXELS[0], "JPEG", quality=100)
WAYS: dict[str, tuple[str, bytes]] = {
    "raw pixels": (RAW, PIXELS.tobytes()),
    "raw pixels, said so": (f"{RAW}; dtype=uint8", PIXELS.tobytes()),
    "raw floats": (f'{RAW};dtype="float32"', FLOATS.tobytes()),
    "tensor of pixels": (TENSORS, save({"images": PIXELS, "labels": np.zeros(3)})),
    "tensor of floats": (TENSORS, save({"images": FLOATS})),
    "form": (FORM, form(*FILES)),
    "lists of pixels": (JSON, text(PIXELS.tolist())),
    "lists of floats": (JSON, text(FLOATS.astype(float).tolist())),
    "files in JSON": (f"{JSON}; charset=utf-8", text([base64.b64encode(one).decode() for one in FILES])),
}
BROKEN: dict[str, tuple[str, bytes, int, str]] = {
    "raw of no whole image": (RAW, PIXELS.tobytes()[:-1], 400, "raw_length"),
    "raw of nothing": (RAW, b"", 400, "raw_length"),
    "raw of another dtype": (f"{RAW}; dtype=float64", PIXELS.tobytes(), 422, "dtype_unknown"),
    "raw with NaN": (f"{RAW}; dtype=float32", np.full_like(FLOATS, np.nan).tobytes(), 422, "values_not_finite"),
    "raw of too many": (RAW, bytes(192 * 1025), 413, "batch_too_large"),
    "no safetensors": (TENSORS, b"nonsense", 400, "safetensors_unreadable"),
    "cut safetensors": (TENSORS, save({"images": PIXELS})[:-7], 400, "safetensors_unreadable"),
    "safetensors that promise much": (TENSORS, (2**62).to_bytes(8, "little") + b"{}", 400, "safetensors_unreadable"),
    "no such tensor": (TENSORS, save({"x": PIXELS}), 400, "tensor_missing"),
    "tensor of another shape": (TENSORS, save({"images": PIXELS[:, :7]}), 422, "array_shape"),
    "form without a boundary": ("multipart/form-data", form(*FILES), 400, "form_unreadable"),
    "form of another boundary": ("multipart/form-data; boundary=x", form(*FILES), 400, "form_unreadable"),
    "form that breaks off": (FORM, form(*FILES)[:-30], 400, "form_unreadable"),
    "form of nothing": (FORM, form(), 400, "form_empty"),
    "form with a text": (FORM, form(FILES[0], b"hello"), 400, "image_unreadable"),
    "form with a broken file": (FORM, form(FILES[0], FILES[1][:60]), 400, "image_unreadable"),
    "form of too many": (FORM, form(*[b"x"] * 1025), 413, "batch_too_large"),
    "no JSON": (JSON, b"{images", 400, "json_unreadable"),
    "JSON of something else": (JSON, b'{"image": [1]}', 400, "json_images_missing"),
    "JSON that is a list": (JSON, b"[[1]]", 400, "json_images_missing"),
    "JSON of no images": (JSON, text([]), 400, "json_images_missing"),
    "ragged lists": (JSON, text([[[1, 2]], [[1]]]), 400, "json_images_ragged"),
    "lists with texts": (JSON, text([[["a"]]]), 400, "json_images_ragged"),
    "a long text among short ones": (JSON, text([["a" * 20_000] + [""] * 500_000]), 400, "json_images_ragged"),
    "lists of yes and no": (JSON, text([[True, False]]), 400, "json_images_ragged"),
    "numbers of over 64 bits": (JSON, text([[10**30, -1]]), 422, "array_shape"),
    "lists too deep for images": (JSON, text([[[[[1.0]]]]]), 400, "json_images_ragged"),
    "pixels over 255": (JSON, text((PIXELS.astype(int) + 1).tolist()), 422, "pixel_range"),
    "floats beyond float32": (JSON, text((FLOATS.astype(float) * 1e300).tolist()), 422, "values_not_finite"),
    "no base64": (JSON, text(["%%%"]), 400, "base64_unreadable"),
    "base64 of a text": (JSON, text([base64.b64encode(b"hello").decode()]), 400, "image_unreadable"),
    "too much JSON": (JSON, b'{"images": [' + b"1," * 2**22 + b"1]}", 413, "json_too_large"),
    "JSON of too many": (JSON, text([1] * 1025), 413, "batch_too_large"),
    "nested too deep": (JSON, b'{"images": ' + b"[" * 2000 + b"]" * 2000 + b"}", 400, "json_unreadable"),
}


@pytest.fixture(scope="module")
def box(house: House) -> str:
    return house.box(house.person("provider"), published=True, outputs=["labels", "probs", "logits"], top_k=CLASSES)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_says_the_same(house: House, box: str, way: str) -> None:
    kind, body = WAYS[way]

    found = logits_of(ask(house, box, body, kind, query="?return=logits"))

    np.testing.assert_allclose(found, house.network.logits(PIXELS), atol=1e-5)


def test_a_form_takes_png_and_jpeg_together(house: House, box: str) -> None:
    found = logits_of(ask(house, box, form(FILES[1], COLOURED_JPEG), FORM, query="?return=logits"))

    np.testing.assert_allclose(found[0], house.network.logits(PIXELS)[1], atol=1e-5)
    alone = logits_of(ask(house, box, COLOURED_JPEG, "image/jpeg", query="?return=logits"))
    np.testing.assert_allclose(found[1], alone[0], atol=1e-5)


@pytest.mark.parametrize("why", BROKEN)
def test_what_is_broken_is_refused_by_its_own_code(house: House, box: str, why: str) -> None:
    kind, body, status, code = BROKEN[why]

    problem_of(ask(house, box, body, kind), status, code)


@pytest.mark.parametrize(
    ("query", "tolerance"), [("?return=logits", 2e-3), ("?return=probs&temperature=2", 2e-3), ("?return=labels", 0)]
)
def test_arrays_come_as_npy_or_bare_and_in_half_the_bytes(house: House, box: str, query: str, tolerance: float) -> None:
    def answered(accept: str) -> tuple[bytes, str]:
        answer = ask(house, box, as_npy(PIXELS), query=query, accept=accept)
        assert answer.status_code == 200
        return answer.content, answer.headers["content-type"]

    whole = np.load(io.BytesIO(answered(NPY)[0]))
    half, kind = answered(f"text/html, {NPY}; dtype=float16")
    bare, _ = answered(RAW)
    bare_half, bare_kind = answered(f"{RAW};dtype=float16")

    assert (kind, bare_kind) == (f"{NPY}; dtype=float16", f"{RAW}; dtype=float16")
    np.testing.assert_array_equal(np.frombuffer(bare, whole.dtype).reshape(whole.shape), whole)
    found = np.load(io.BytesIO(half))
    np.testing.assert_array_equal(np.frombuffer(bare_half, found.dtype).reshape(found.shape), found)
    np.testing.assert_allclose(found.astype(np.float64), whole, atol=tolerance)
    assert found.dtype == (np.float16 if tolerance else np.int64)
    if "probs" in query:
        np.testing.assert_allclose(whole, softmax(house.network.logits(PIXELS), 2), atol=1e-6)


def test_open_answers_come_by_every_way_too(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    house.license(provider, box, customer, mode="hosted")
    path = f"/v1/boxes/{box}/distill"

    found = [
        house.http.post(path, content=body, headers=customer.headers | {"Content-Type": kind, "Accept": RAW})
        for kind, body in WAYS.values()
    ]

    arrays = [np.frombuffer(answer.content, np.float32) for answer in found]
    for array in arrays:
        np.testing.assert_allclose(array, arrays[0], atol=1e-5)
    assert not np.allclose(arrays[0].reshape(3, -1), house.network.logits(PIXELS), atol=0.1)
