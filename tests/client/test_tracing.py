"""A provider asks from which license a key came: in Python and on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from sdb_client import Box, Client, Invalid, Key, NotFound
from sdb_service.sealing import key_context, seal
from sdb_service.secret import Secret
from sdb_service.tables import Box as BoxRow
from sdb_service.tables import SealedKey

from .conftest import Sdb
from .running import Service


@pytest.fixture
def wide_box(box: Box, service: Service) -> Box:
    """A box whose inputs are large enough for marks; nothing is predicted with it."""
    kappa = np.random.default_rng(5).random((1, 52, 52)).astype("<f4")
    with service.runtime.database.transaction() as session:
        row = session.get_one(BoxRow, box.id)
        row.input = row.input | {"height": 52, "width": 52}
        key = session.execute(select(SealedKey).where(SealedKey.box_id == box.id)).scalar_one()
        context = key_context(account_id=key.account_id, box_id=box.id, key_id=key.id, version=key.version)
        key.shape = list(kappa.shape)
        key.sealed = seal(Secret(kappa.tobytes()), context=context, keys=service.runtime.keys)
    return box


def test_the_license_of_a_key_file_an_array_and_changed_bytes_is_named(
    wide_box: Box, provider: Client, customer: Client, tmp_path: Path
) -> None:
    held = provider.licenses.grant(wide_box.id, customer.accounts.me().id)
    provider.licenses.grant(wide_box.id, customer.accounts.me().id)
    key = customer.licenses.key(held.id)
    np.save(tmp_path / "key.npy", key.kappa[None])
    changed = Key(key.kappa * np.float32(0.9), key.lam, key.mean, key.std, key.box_id)

    for found in (key.save(tmp_path / "key"), str(tmp_path / "key.npy"), changed.to_bytes()):
        trace = provider.licenses.trace(wide_box.id, found)
        assert (trace.verdict, trace.reason, trace.compared) == ("attributed", "trace_found", 2)
        assert [suspect.license_id for suspect in trace.licenses] == [held.id]
        assert trace.licenses[0].false_accusation < trace.limit


def test_a_stranger_and_a_key_of_another_size_are_refused(wide_box: Box, provider: Client, customer: Client) -> None:
    small = Key(np.zeros((1, 8, 8), np.float32), 0.7, (0.5,), (0.25,), "box_1").to_bytes()

    with pytest.raises(NotFound):
        customer.licenses.trace(wide_box.id, small)
    with pytest.raises(Invalid) as refused:
        provider.licenses.trace(wide_box.id, small)
    assert refused.value.code == "key_shape"


def test_the_command_names_the_license_or_says_that_it_cannot(
    wide_box: Box, provider: Client, customer: Client, sdb: Sdb, tmp_path: Path
) -> None:
    held = provider.licenses.grant(wide_box.id, customer.accounts.me().id)
    key = customer.licenses.key(held.id)
    file = key.save(tmp_path / "found.key")
    np.save(tmp_path / "noise.npy", np.random.default_rng(1).random((1, 1, 52, 52), np.float32))

    told = sdb("licenses", "trace", file, "--box", wide_box.id)
    as_json = sdb("licenses", "trace", file, "--box", wide_box.id, "--json")
    nobody = sdb("licenses", "trace", tmp_path / "noise.npy", "--box", wide_box.id)

    assert told.returncode == as_json.returncode == nobody.returncode == 0
    assert held.id in told.stdout
    assert "attributed: " in told.stdout
    assert json.loads(as_json.stdout)["licenses"][0]["license_id"] == held.id
    assert "not attributable: " in nobody.stdout
    assert held.id not in nobody.stdout
