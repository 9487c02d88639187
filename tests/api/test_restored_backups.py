"""A backup restored to an older point: what was revoked stays revoked."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from sdb_service import audit, identity
from sdb_service.audit import heads
from sdb_service.restoring import accept
from sdb_service.settings import Settings
from sdb_service.storage import Storage
from sdb_service.tables import AuditEvent
from tests.api.conftest import house_on
from tests.api.networks import Network
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person

pytestmark = pytest.mark.trust


def backed_up(settings: Settings, folder: Path) -> Callable[[], None]:
    """Copy the whole database; the call that puts the copy back in its place."""
    if settings.database_url:
        return _postgres_copy(settings)
    live, copy = settings.data_dir / "sdb.db", folder / "backup.db"
    with sqlite3.connect(live) as source, sqlite3.connect(copy) as target:
        source.backup(target)

    def restore() -> None:
        for left in live.parent.glob("sdb.db-*"):
            left.unlink()
        shutil.copyfile(copy, live)

    return restore


def _postgres_copy(settings: Settings) -> Callable[[], None]:
    url = make_url(settings.database_url)
    copy = f"{url.database}_backup"
    _on_server(url, f"CREATE DATABASE {copy} TEMPLATE {url.database} STRATEGY FILE_COPY")

    def restore() -> None:
        _on_server(url, f"DROP DATABASE {url.database} WITH (FORCE)")
        _on_server(url, f"ALTER DATABASE {copy} RENAME TO {url.database}")

    return restore


def _on_server(url: Any, statement: str) -> None:
    import psycopg

    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(statement)


class Story:
    """A customer with a license and a token; a backup; then all is taken away, and the backup restored."""

    def __init__(self, settings: Settings, network: Network, folder: Path) -> None:
        self.settings, self.network = settings, network
        with house_on(settings, network) as house:
            self.admin, self.provider = house.person("admin"), house.person("provider")
            self.customer, self.closed = house.person("customer"), house.person("customer")
            box = house.box(self.provider)
            self.revoked = house.license(self.provider, box, self.customer)
            self.kept = house.license(self.provider, box, self.customer)
            self.lost_token = house.post(self.customer, "/v1/tokens", {"name": "laptop"}).json()
            self.link = house.post(self.customer, "/v1/login-links").json()["url"].rpartition("/")[2]
        self.restore = backed_up(settings, folder)
        with house_on(settings, network) as house:
            assert house.post(self.provider, f"/v1/licenses/{self.revoked}/revoke").status_code == 200
            for path in (f"/v1/tokens/{self.lost_token['id']}", f"/v1/accounts/{self.closed.id}"):
                assert house.http.delete(path, headers=self.admin.headers).status_code == 204

    @property
    def thief(self) -> Person:
        return Person(self.customer.id, {"Authorization": f"Bearer {self.lost_token['token']}"})


@pytest.fixture
def story(any_settings: Settings, network: Network, tmp_path: Path) -> Story:
    return Story(any_settings, network, tmp_path)


def actions(house: House, *names: str) -> list[tuple[str, str]]:
    with house.runtime.database.reading() as session:
        statement = select(AuditEvent.action, AuditEvent.object_id).where(AuditEvent.action.in_(names))
        return [(action, object_id) for action, object_id in session.execute(statement.order_by(AuditEvent.number))]


def test_what_was_revoked_stays_revoked_and_what_was_not_still_works(story: Story) -> None:
    story.restore()

    with house_on(story.settings, story.network) as house:
        assert house.get(NOBODY, "/readyz").status_code == 200
        problem_of(house.get(story.customer, f"/v1/licenses/{story.revoked}/key"), 403, "license_revoked")
        problem_of(house.get(story.thief, "/v1/accounts/me"), 401, "token_invalid")
        problem_of(house.get(story.closed, "/v1/accounts/me"), 401, "token_invalid")
        assert house.get(story.customer, f"/v1/licenses/{story.kept}/key").status_code == 200
        assert actions(house, "restored.found", "restored.reapply") == [
            ("restored.found", "audit"),
            ("restored.reapply", story.closed.id),
            ("restored.reapply", story.lost_token["id"]),
            ("restored.reapply", story.revoked),
        ]


def test_old_ways_into_the_dashboard_end(story: Story) -> None:
    story.restore()

    with (
        house_on(story.settings, story.network) as house,
        house.runtime.database.transaction() as session,
        pytest.raises(identity.Unauthenticated),
    ):
        identity.use_login_link(session, story.link, key=house.runtime.token_key)


def test_the_log_is_called_broken_until_the_operator_says_that_it_was_a_restore(story: Story) -> None:
    story.restore()
    with house_on(story.settings, story.network) as house:
        runtime = house.runtime

        def verified() -> audit.Flaw | None:
            found = heads.all_heads(runtime.storage, public_key=runtime.signing.public_key_text)
            with runtime.database.reading() as session:
                known, keyed_by = heads.vouched(session, found)
                return audit.first_bad_row(session, known=known, keyed_by=keyed_by)

        flaw = verified()
        assert flaw is not None
        assert "signed head" in flaw.why
        assert len(accept(runtime.database, runtime.tombstones, runtime.signing)) == 1
        assert verified() is None
        assert accept(runtime.database, runtime.tombstones, runtime.signing) == []


def test_a_second_start_finds_nothing_to_do(story: Story) -> None:
    story.restore()
    with house_on(story.settings, story.network) as house:
        first = house.count(AuditEvent)
    with house_on(story.settings, story.network) as house:
        assert house.count(AuditEvent) == first
        assert house.get(NOBODY, "/readyz").status_code == 200


def test_while_nobody_can_look_into_storage_no_key_is_given_out(
    embedded_settings: Settings, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(embedded_settings, network, tmp_path)
    story.restore()

    def unreachable(_storage: Storage, _prefix: str) -> list[str]:
        raise ConnectionError("the store does not answer")

    with monkeypatch.context() as broken:
        broken.setattr("sdb_service.storage.local.LocalStorage.keys", unreachable)
        with house_on(story.settings, story.network) as house:
            problem_of(house.get(story.customer, f"/v1/licenses/{story.kept}/key"), 503, "revocations_unsure")
            answer = house.get(NOBODY, "/readyz")
            assert (answer.status_code, set(answer.json())) == (503, {"status", "revocations"})
            broken.undo()
            house.runtime.keeper.compare()
            assert house.get(NOBODY, "/readyz").status_code == 200
            problem_of(house.get(story.customer, f"/v1/licenses/{story.revoked}/key"), 403, "license_revoked")
