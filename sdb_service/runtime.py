"""What a process holds while it runs: settings and the open things made from them."""

from dataclasses import dataclass

from celery import Celery

from sdb_service.broker import make_celery
from sdb_service.db import Database
from sdb_service.sealing import (
    KeyEncryption,
    RotatingKeys,
    Sealer,
    SymmetricKeyEncryption,
    open_keys,
    open_sealer,
    read_key_file,
)
from sdb_service.secret import Secret
from sdb_service.settings import Settings
from sdb_service.storage import Storage, open_storage


@dataclass(frozen=True)
class Ground:
    """What every process stands on; nothing here is a global."""

    settings: Settings
    database: Database
    storage: Storage
    celery: Celery


@dataclass(frozen=True)
class Runtime(Ground):
    """The API's and the operator's: they seal, open, and know tokens."""

    keys: RotatingKeys
    token_key: Secret


@dataclass(frozen=True)
class WorkerRuntime(Ground):
    """The worker's: it seals and cannot open, but for what a worker left in flight."""

    sealer: Sealer
    in_flight: KeyEncryption


def open_runtime(settings: Settings | None = None, *, celery: Celery | None = None) -> Runtime:
    """Open everything the settings name. The database is not migrated here: see `migrations`."""
    settings = settings or Settings()
    return Runtime(
        *_ground(settings, celery), keys=open_keys(settings), token_key=read_key_file(settings.token_key_file)
    )


def open_worker_runtime(settings: Settings | None = None, *, celery: Celery | None = None) -> WorkerRuntime:
    """Open what a worker needs; no private key and no token key is read."""
    settings = settings or Settings()
    in_flight = SymmetricKeyEncryption(settings.effective_worker_key_file)
    return WorkerRuntime(*_ground(settings, celery), sealer=open_sealer(settings), in_flight=in_flight)


def _ground(settings: Settings, celery: Celery | None) -> tuple[Settings, Database, Storage, Celery]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.effective_database_url)
    return settings, database, open_storage(settings), celery or make_celery(settings)
