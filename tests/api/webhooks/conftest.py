"""A fresh database on each profile, time that a test moves, and a receiver."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import migrations
from sdb_service import clock
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.settings import Settings
from tests.api.webhooks.offices import Clock, Office
from tests.api.webhooks.receivers import Receiver, receiver


@pytest.fixture
def time_(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(clock, "now", lambda: moved.now)
    return moved


@pytest.fixture
def runtime(any_settings: Settings) -> Iterator[Runtime]:
    migrations.upgrade(any_settings)
    silent: Any = SimpleNamespace(send_task=lambda *_, **__: None)
    opened = open_runtime(any_settings, celery=silent)
    yield opened
    opened.database.close()


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def office(runtime: Runtime) -> Office:
    return Office(runtime)
