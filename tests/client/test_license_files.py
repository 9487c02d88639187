"""Licenses from the SDK and the command: terms, transfer, and files that are verified with nobody to ask."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from sdb_client import Box, Client, Invalid, LicenseFileRefused, NotFound
from sdb_client.license_files import verify

from .conftest import Sdb
from .running import Service

pytestmark = pytest.mark.trust


def test_terms_go_there_and_back(box: Box, provider: Client, customer: Client) -> None:
    granted = provider.licenses.grant(
        box.id, customer.accounts.me().id, entitlements=["distill", "key:download"], valid_for_days=3
    )
    assert granted.entitlements == ("key:download", "distill")
    assert (granted.valid_for_days, granted.expires_at, granted.first_used_at) == (3, None, None)

    customer.licenses.key(granted.id)

    used = customer.licenses.get(granted.id)
    assert used.expires_at is not None
    assert used.first_used_at is not None
    assert used.expires_at - used.first_used_at == timedelta(days=3)
    with pytest.raises(Invalid) as refused:
        provider.licenses.grant(box.id, customer.accounts.me().id, mode="hosted", entitlements=["key:download"])
    assert refused.value.code == "entitlement_not_in_mode"


def test_a_transferred_license_is_another_customers(
    box: Box, provider: Client, customer: Client, service: Service
) -> None:
    granted = provider.licenses.grant(box.id, customer.accounts.me().id)
    with service.client_of("the next holder", role="customer") as other:
        moved = provider.licenses.transfer(granted.id, other.accounts.me().id)

        assert moved.transfers == 1
        assert other.licenses.get(granted.id) == moved
        with pytest.raises(NotFound):
            customer.licenses.get(granted.id)


def test_a_file_is_verified_with_a_pinned_key_and_no_service(box: Box, provider: Client, customer: Client) -> None:
    granted = provider.licenses.grant(box.id, customer.accounts.me().id)
    (pinned,) = [key for key in customer.licenses.signing_keys() if key.current]

    found = verify(customer.licenses.file(granted.id), public_key=pinned.public_key)

    assert (found.license_id, found.box_id, found.customer_id) == (granted.id, box.id, granted.customer_id)
    found.require_key(customer.licenses.key(granted.id))


def test_the_command_grants_transfers_and_verifies(
    sdb: Sdb, box: Box, provider: Client, customer: Client, service: Service, tmp_path: Path
) -> None:
    holder = customer.accounts.me().id
    terms = ("--entitlement", "key:download", "--entitlement", "distill", "--valid-for-days", "5", "--json")
    granted = json.loads(sdb("licenses", "grant", box.id, holder, *terms).stdout)
    assert (granted["entitlements"], granted["valid_for_days"]) == (["key:download", "distill"], 5)
    file, keyfile = tmp_path / "mine.sdb-license", customer.licenses.key(granted["id"]).save(tmp_path / "key")
    assert sdb("licenses", "file", granted["id"], "--out", file).returncode == 0
    assert sdb("licenses", "file", granted["id"]).stdout.startswith("sdb-license/1\n")
    pinned = json.loads(sdb("licenses", "signing-keys", "--json").stdout)[0]["public_key"]

    offline = ("licenses", "verify", file, "--public-key", pinned, "--url", "http://127.0.0.1:1", "--json")
    found = json.loads(sdb(*offline, "--key", keyfile).stdout)
    asked = sdb("licenses", "verify", file)

    assert (found["license_id"], found["customer_id"]) == (granted["id"], holder)
    assert asked.returncode == 0
    assert "--public-key" in asked.stderr
    moved = json.loads(sdb("licenses", "transfer", granted["id"], _another(service), "--json").stdout)
    assert moved["customer_id"] != holder


def test_the_command_says_precisely_what_is_wrong_with_a_file(
    sdb: Sdb, box: Box, provider: Client, customer: Client, tmp_path: Path
) -> None:
    granted = provider.licenses.grant(box.id, customer.accounts.me().id)
    file, other = tmp_path / "mine", tmp_path / "changed"
    file.write_bytes(provider.licenses.file(granted.id))
    other.write_bytes(file.read_bytes().replace(b'"delivered"', b'"hosted"'))
    pinned = provider.licenses.signing_keys()[0].public_key

    changed = sdb("licenses", "verify", other, "--public-key", pinned)
    unknown = sdb("licenses", "verify", file, "--public-key", "ed25519:" + "A" * 43 + "=")

    assert (changed.returncode, unknown.returncode) == (1, 1)
    assert "license_file_changed" in changed.stderr
    assert "license_file_unknown_key" in unknown.stderr
    with pytest.raises(LicenseFileRefused):
        verify(other, public_key=pinned)


@pytest.mark.parametrize("command", ["revoke", "transfer"])
def test_help_says_what_cannot_be_taken_back(sdb: Sdb, command: str) -> None:
    assert "cannot be called back" in " ".join(sdb("licenses", command, "--help").stdout.split())


def _another(service: Service) -> str:
    with service.client_of("one more holder", role="customer") as other:
        return other.accounts.me().id
