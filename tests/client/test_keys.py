from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from sdb_client import Key, KeyShapeMismatch, KeyUnreadable


def made_key(lam: float = 0.7) -> Key:
    kappa = np.random.default_rng(3).normal(size=(3, 4, 5)).astype(np.float32)
    return Key(kappa=kappa, lam=lam, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3), box_id="box_1")


def test_embedding_is_equation_five() -> None:
    key = made_key()
    x = np.random.default_rng(4).normal(size=(2, 3, 4, 5)).astype(np.float32)

    blended = key.embed(x)

    assert blended.dtype == np.float32
    expected = 0.7 * x.astype(np.float64) + 0.3 * key.kappa.astype(np.float64)
    np.testing.assert_allclose(blended, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(key.embed(x[0]), blended[0])


def test_normalising_takes_pixels_to_the_space_of_kappa() -> None:
    key = made_key()
    pixels = np.zeros((1, 4, 5, 3), np.uint8)
    pixels[0, 1, 2] = (255, 128, 0)

    x = key.normalise(pixels)

    assert x.shape == (1, 3, 4, 5)
    np.testing.assert_allclose(x[0, :, 1, 2], [(1 - 0.4) / 0.2, (128 / 255 - 0.5) / 0.25, -0.6 / 0.3], atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (3, 4), (1, 2, 3, 4, 5)])
def test_inputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(KeyShapeMismatch, match="own key"):
        made_key().embed(np.zeros(shape, np.float32))


def test_pixels_of_another_kind_are_refused() -> None:
    with pytest.raises(KeyShapeMismatch, match="uint8"):
        made_key().normalise(np.zeros((1, 4, 5, 3), np.float32))  # type: ignore[arg-type]


def test_a_saved_key_is_read_back_bit_for_bit_and_is_its_owners_alone(tmp_path: Path) -> None:
    key = made_key()
    file = tmp_path / "box.key.safetensors"
    file.write_bytes(b"an older file that everybody may read")
    file.chmod(0o644)

    key.save(file)
    found = Key.load(file)

    assert file.stat().st_mode & 0o777 == 0o600
    np.testing.assert_array_equal(found.kappa, key.kappa)
    assert (found.lam, found.mean, found.std, found.box_id) == (key.lam, key.mean, key.std, key.box_id)
    assert [path.name for path in tmp_path.iterdir()] == ["box.key.safetensors"]


def test_the_key_file_is_the_one_that_the_method_reads(tmp_path: Path) -> None:
    method = pytest.importorskip("sdb_core.keys")
    file = made_key().save(tmp_path / "key.safetensors")

    found = method.Key.load(file)

    np.testing.assert_array_equal(found.kappa.numpy(), made_key().kappa)
    assert found.lam == 0.7


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    content = bytearray(made_key().to_bytes())
    content[-1] ^= 1

    with pytest.raises(KeyUnreadable, match="SHA-256"):
        Key.from_bytes(bytes(content))


@pytest.mark.parametrize(
    ("name", "value"),
    [("lambda", "1.5"), ("lambda", "nan"), ("mean", "[0.5]"), ("std", "[0, 0, 0]"), ("format", "sdb-key/9")],
)
def test_metadata_that_cannot_be_is_refused(name: str, value: str) -> None:
    content = made_key().to_bytes()
    length = int.from_bytes(content[:8], "little")
    metadata = eval(content[8 : 8 + length].decode())["__metadata__"] | {name: value}

    with pytest.raises(KeyUnreadable):
        Key.from_bytes(save(load(content), metadata=metadata))


@pytest.mark.parametrize("content", [b"", b"not a key", bytes(100), b"\xff" * 40, save({"other": np.zeros(3)})])
def test_what_is_no_key_file_is_refused(content: bytes) -> None:
    with pytest.raises(KeyUnreadable):
        Key.from_bytes(content)


def test_repr_hides_kappa() -> None:
    key = made_key()

    assert "kappa" not in repr(key)
    assert "box_1" in repr(key)
    assert str(float(key.kappa.ravel()[0]))[:6] not in repr(key)
