"""Getting license files, and what refuses them."""

from collections.abc import Callable

import pytest

from sdb_client import LicenseFileRefused
from tests.api.seeding import NOBODY, House, Person


def file_of(house: House, who: Person, held: str) -> bytes:
    answer = house.get(who, f"/v1/licenses/{held}/file")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.content


def pinned(house: House) -> str:
    return str(house.get(NOBODY, "/v1/signing-keys").json()["data"][0]["public_key"])


def refusal_of(check: Callable[[], object]) -> str:
    with pytest.raises(LicenseFileRefused) as refused:
        check()
    assert len(refused.value.detail) > 20
    return refused.value.code
