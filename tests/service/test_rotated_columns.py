"""A rotation takes over whatever is sealed: also seeds of codes and secrets of webhooks."""

import pytest
from sqlalchemy import LargeBinary

import migrations
from sdb_service import identity, rotation
from sdb_service.ids import new_id
from sdb_service.runtime import open_runtime
from sdb_service.sealing import seal, unseal
from sdb_service.sealing.contexts import totp_context, webhook_context
from sdb_service.secret import Secret
from sdb_service.tables import User, Webhook, metadata
from tests.servers.profiles import Profile

pytestmark = pytest.mark.trust

UNDER_ANOTHER_KEY = {("jobs", "kappa_in_flight")}  # the workers' own


def test_every_column_of_bytes_is_taken_over_or_known_to_be_under_another_key() -> None:
    columns = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    taken_over = {(column.name, column.value.key) for column in rotation.COLUMNS}
    assert columns == taken_over | UNDER_ANOTHER_KEY


def test_a_seed_and_a_webhooks_secret_open_after_the_old_key_is_forgotten(embedded_profile: Profile) -> None:
    migrations.upgrade(embedded_profile.settings)
    runtime = open_runtime(embedded_profile.settings)
    with runtime.database.transaction() as session:
        account = identity.create_account(session, "a provider", role="provider")
        user_id, hook_id = new_id("usr"), new_id("whk")
        seed_context = totp_context(account_id=account.id, user_id=user_id)
        hook_context = webhook_context(account_id=account.id, webhook_id=hook_id)
        of_all = {"account_id": account.id}
        with_seed = {"totp_sealed": seal(Secret(b"a seed"), context=seed_context, keys=runtime.keys)}
        named = {"name": "Ada", "rank": "owner", "password": "none"}
        session.add(User(id=user_id, email="ada@example.org", **of_all, **named, **with_seed))
        session.add(User(id=new_id("usr"), email="no.code@example.org", **of_all, **named))
        sealed = seal(Secret(b"a secret"), context=hook_context, keys=runtime.keys)
        hook = {"url": "https://8.8.8.8/", "events": ["box.make"], "state": "enabled", "sealed": sealed}
        session.add(Webhook(id=hook_id, **of_all, **hook))

    rotated = rotation.rotate(runtime, progress=lambda _done, _total: None)
    rotation.forget_old_keys(runtime)

    with runtime.database.reading() as session:
        seed, secret = session.get_one(User, user_id).totp_sealed, session.get_one(Webhook, hook_id).sealed
    assert rotated.rewrapped == 2
    assert unseal(seed, context=seed_context, keys=runtime.keys).reveal() == b"a seed"
    assert unseal(secret, context=hook_context, keys=runtime.keys).reveal() == b"a secret"
    runtime.database.close()
