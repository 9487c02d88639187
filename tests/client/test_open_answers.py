"""Who holds a delivered key and the box's weights computes at home what the service answers."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
import torch
from sqlalchemy import select

from sdb_client import Box, Client, Key
from sdb_core.keys import Key as MethodKey
from sdb_service.sealing import key_context, seal
from sdb_service.secret import Secret
from sdb_service.tables import Box as BoxRow
from sdb_service.tables import SealedKey
from tests.api.networks import random_network

from .running import Service

SHAPE = (3, 32, 32)  # large enough for the mark of a license, so kappa is not the box's own
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
PIXELS = np.random.default_rng(6).integers(0, 256, (40, 32, 32, 3), np.uint8)

Floats = npt.NDArray[np.float32]


@pytest.fixture
def photo_box(box: Box, service: Service) -> Box:
    """A box for photographs of CIFAR's size."""
    network, runtime = random_network(3, side=32), service.runtime
    kappa = np.random.default_rng(8).normal(size=SHAPE).astype("<f4")
    with runtime.database.transaction() as session:
        row = session.get_one(BoxRow, box.id)
        row.input = {"channels": 3, "height": 32, "width": 32, "mean": list(MEAN), "std": list(STD)}
        row.onnx_sha256 = hashlib.sha256(network.content).hexdigest()
        row.onnx_bytes = len(network.content)
        runtime.storage.put_bytes(row.onnx_key, network.content)
        key = session.execute(select(SealedKey).where(SealedKey.box_id == box.id)).scalar_one()
        context = key_context(account_id=key.account_id, box_id=box.id, key_id=key.id, version=key.version)
        key.shape = list(SHAPE)
        key.sealed = seal(Secret(kappa.tobytes()), context=context, keys=runtime.keys)
    return box


def by_sdk(key: Key, given: npt.NDArray[np.uint8] | Floats) -> Floats:
    return key.embed(key.normalise(given) if given.dtype == np.uint8 else given)


def by_method(key: MethodKey, given: npt.NDArray[np.uint8] | Floats) -> Floats:
    """As the method's own code does it: torch, and a normalisation of its own."""
    images = torch.from_numpy(given)
    if images.dtype == torch.uint8:
        shift, scale = (torch.tensor(values).view(1, -1, 1, 1) for values in (key.mean, key.std))
        images = (images.permute(0, 3, 1, 2).float() / 255 - shift) / scale
    blended: Floats = key.embed(images).contiguous().numpy()
    return blended


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_the_service_the_sdk_and_the_method_have_the_same_open_logits(
    photo_box: Box, provider: Client, customer: Client, tmp_path: Path, kind: str
) -> None:
    held = provider.licenses.grant(photo_box.id, customer.accounts.me().id, mode="delivered")
    file = customer.licenses.key(held.id).save(tmp_path / "box.key")
    weights = customer.boxes.download(photo_box.id, tmp_path / "box.onnx", format="onnx")
    given = PIXELS if kind == "uint8" else np.random.default_rng(9).normal(size=(40, *SHAPE)).astype(np.float32)

    answered = customer.boxes.distill(photo_box.id, given)
    whole = np.load(customer.boxes.distill_to(photo_box.id, given, tmp_path / "open.npy", batch=7))

    net = ort.InferenceSession(weights, providers=["CPUExecutionProvider"])
    blended = {"sdb_client": by_sdk(Key.load(file), given), "sdb_core": by_method(MethodKey.load(file), given)}
    for name, inputs in blended.items():
        assert inputs.dtype == np.float32
        logits = net.run(None, {"input": inputs})[0]
        np.testing.assert_allclose(answered, logits, rtol=0, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(whole, logits, rtol=0, atol=1e-5, err_msg=name)
    assert not np.allclose(answered, provider.boxes.predict_array(photo_box.id, given, output="logits"), atol=0.1)
    kappa_of_box = np.random.default_rng(8).normal(size=SHAPE).astype("<f4")
    assert not np.array_equal(Key.load(file).kappa, kappa_of_box)  # it carries the mark of this license
