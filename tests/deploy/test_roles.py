"""The service's own role in Postgres: it can run the service, and cannot touch what keeps the audit log whole."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError

import migrations
from sdb_service import audit
from sdb_service.db import Database
from sdb_service.settings import Settings
from tests.api.conftest import house_on
from tests.api.networks import random_network
from tests.api.seeding import House
from tests.deploy.description import ROOT

pytestmark = [pytest.mark.trust, pytest.mark.production]

PASSWORD = "of-the-service"
FORBIDDEN = (
    "UPDATE audit_events SET hash = ''",
    "DELETE FROM audit_events",
    "TRUNCATE audit_events",
    "ALTER TABLE audit_events DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_events_only_grow ON audit_events",
    "CREATE OR REPLACE FUNCTION audit_events_only_grow() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
    "SET session_replication_role = replica",
    "DELETE FROM audit_head",
    "DROP TABLE audit_head",
)


@pytest.fixture
def house(production_settings: Settings) -> Iterator[House]:
    """The service, signed in as its own role."""
    migrations.upgrade(production_settings)
    owner = Database(production_settings.effective_database_url)
    with owner.engine.begin() as connection:
        for _ in range(2):  # it is run again after each migration
            connection.exec_driver_sql((ROOT / "deploy" / "roles.sql").read_text(encoding="utf-8"))
        connection.execute(text(f"ALTER ROLE sdb_service PASSWORD '{PASSWORD}'"))
    owner.close()
    url = make_url(production_settings.database_url).set(username="sdb_service", password=PASSWORD)
    settings = production_settings.model_copy(update={"database_url": url.render_as_string(hide_password=False)})
    with house_on(settings, random_network()) as opened:
        yield opened


def test_the_role_runs_the_service(house: House) -> None:
    provider, customer = house.person("provider"), house.person("customer")
    held = house.license(provider, house.box(provider), customer)

    assert house.get(customer, f"/v1/licenses/{held}/key").status_code == 200
    assert house.post(provider, f"/v1/licenses/{held}/revoke").status_code == 200
    with house.runtime.database.reading() as session:
        assert audit.first_bad_row(session) is None


def test_the_role_changes_nothing_of_the_log_and_of_what_guards_it(house: House) -> None:
    allowed = []
    for statement in FORBIDDEN:
        try:
            with house.runtime.database.transaction() as session:
                session.execute(text(statement))
            allowed.append(statement)
        except DatabaseError:
            pass
    assert allowed == []
