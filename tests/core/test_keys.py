"""The key, its file, and what it must not show."""

import hashlib
import json

import pytest
import torch
from safetensors import safe_open

from sdb_core.errors import InvalidSettings, KeyShapeMismatch, KeyUnreadable
from sdb_core.keys import Key


def test_a_key_comes_back_from_its_file_bit_for_bit(tmp_path, key):
    key.save(tmp_path / "key.safetensors", box_id="box_1")
    again = Key.load(tmp_path / "key.safetensors")
    assert torch.equal(again.kappa, key.kappa)
    assert (again.lam, again.mean, again.std) == (key.lam, key.mean, key.std)


def test_the_key_file_carries_what_other_readers_need(tmp_path, key):
    key.save(tmp_path / "key.safetensors", box_id="box_1")
    with safe_open(tmp_path / "key.safetensors", framework="np") as opened:
        metadata, kappa = opened.metadata(), opened.get_tensor("kappa")
    assert metadata["format"] == "sdb-key/1"
    assert metadata["box_id"] == "box_1"
    assert float(metadata["lambda"]) == 0.7
    assert json.loads(metadata["mean"]) == [0.4]
    assert json.loads(metadata["shape"]) == [1, 8, 8]
    assert metadata["sha256"] == hashlib.sha256(kappa.astype("<f4").tobytes()).hexdigest()


def test_repr_hides_the_key(key):
    assert "tensor" not in repr(key)
    assert "0.7" in repr(key)


def test_embedding_blends_the_input_and_the_key_by_lambda(key):
    x = torch.randn(4, 1, 8, 8)
    assert torch.allclose(key.embed(x), 0.7 * x + 0.3 * key.kappa, atol=1e-6)


def test_pixels_of_a_random_key_fill_zero_to_one(key):
    pixels = key.kappa * 0.3 + 0.4
    assert 0.0 <= pixels.min() < 0.1
    assert 0.9 < pixels.max() <= 1.0001


def test_inputs_of_another_shape_are_refused(key):
    with pytest.raises(KeyShapeMismatch, match="own key"):
        key.embed(torch.zeros(2, 1, 9, 9))


@pytest.mark.parametrize("lam", [0.0, 1.0, -0.5, float("nan")])
def test_a_lambda_outside_zero_to_one_is_refused(key, lam):
    with pytest.raises(InvalidSettings, match="lambda"):
        Key(key.kappa, lam, key.mean, key.std)


def test_a_changed_key_file_is_refused(tmp_path, key):
    path = tmp_path / "key.safetensors"
    key.save(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(KeyUnreadable, match="SHA-256"):
        Key.load(path)


def test_a_file_that_is_no_key_is_refused(tmp_path):
    (tmp_path / "key.safetensors").write_bytes(b"nonsense")
    with pytest.raises(KeyUnreadable):
        Key.load(tmp_path / "key.safetensors")
