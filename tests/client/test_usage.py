import json

import pytest

from sdb_client import Client, Conflict
from tests.client.conftest import Sdb

pytestmark = pytest.mark.trust


def test_use_and_limits_are_shown_and_an_admin_chooses_others(admin: Client, provider: Client, sdb: Sdb) -> None:
    mine = provider.usage()
    assert (mine.of("stored_bytes").used, mine.of("stored_bytes").is_default) == (0, True)

    chosen = admin.quotas.choose(mine.account_id, {"tokens": 2, "stored_bytes": 10})
    assert chosen.of("tokens").limit == admin.quotas.get(mine.account_id).of("tokens").limit == 2
    with pytest.raises(Conflict, match="quota of tokens is 2"):
        provider.tokens.issue("one too many")

    told = json.loads(sdb("usage", "--json").stdout)
    assert [one["limit"] for one in told["quotas"] if one["resource"] == "stored_bytes"] == [10]
    assert "stored_bytes" in sdb("usage").stdout


def test_the_command_chooses_limits_for_admins(admin: Client, provider: Client, sdb: Sdb) -> None:
    account = provider.usage().account_id
    token = admin.tokens.issue("command").token

    assert sdb("usage", "--account", account, "--limit", "uploads=5", token=token).returncode == 0
    assert provider.usage().of("uploads").limit == 5
    assert sdb("usage", "--account", account, "--limit", "uploads=default", token=token).returncode == 0

    assert provider.usage().of("uploads").is_default
    assert sdb("usage", "--limit", "uploads=many").returncode == 2
    assert sdb("usage", "--account", account, "--limit", "uploads=9").returncode == 1
