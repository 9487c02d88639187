"""What a process holds while it runs: settings and the open things made from them."""

from dataclasses import dataclass

from celery import Celery

from sdb_service.broker import make_celery
from sdb_service.db import Database
from sdb_service.restoring import Keeper, Tombstones
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
from sdb_service.signing import SigningKey
from sdb_service.storage import Storage, open_storage


@dataclass(frozen=True)
class Ground:
    """What every process stands on; nothing here is a global."""

    settings: Settings
    database: Database
    storage: Storage
    tombstones: Tombstones
    celery: Celery


@dataclass(frozen=True)
class Runtime(Ground):
    """The API's and the operator's: they seal, open, and know tokens."""

    keys: RotatingKeys
    token_key: Secret
    signing: SigningKey
    keeper: Keeper


@dataclass(frozen=True)
class WorkerRuntime(Ground):
    """The worker's: it seals and cannot open, but for what a worker left in flight."""

    sealer: Sealer
    in_flight: KeyEncryption


def open_runtime(settings: Settings | None = None, *, celery: Celery | None = None) -> Runtime:
    """Open everything the settings name. The database is not migrated here: see `migrations`."""
    settings = settings or Settings()
    ground = _ground(settings, celery)
    signing = SigningKey(settings.effective_signing_key_file)
    return Runtime(
        **vars(ground),
        keys=open_keys(settings),
        token_key=read_key_file(settings.token_key_file),
        signing=signing,
        keeper=Keeper(
            ground.database,
            ground.tombstones,
            signing,
            head_seconds=settings.audit_head_seconds,
            all_seconds=settings.reconcile_seconds,
        ),
    )


def open_worker_runtime(settings: Settings | None = None, *, celery: Celery | None = None) -> WorkerRuntime:
    """Open what a worker needs; no private key and no token key is read."""
    settings = settings or Settings()
    in_flight = SymmetricKeyEncryption(settings.effective_worker_key_file)
    return WorkerRuntime(**vars(_ground(settings, celery)), sealer=open_sealer(settings), in_flight=in_flight)


def _ground(settings: Settings, celery: Celery | None) -> Ground:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    audit_key, storage = read_key_file(settings.effective_audit_key_file), open_storage(settings)
    tombstones = Tombstones(storage, audit_key)
    database = Database(settings.effective_database_url, audit_key=audit_key, keep_revoked=tombstones.leave_if_possible)
    return Ground(settings, database, storage, tombstones, celery or make_celery(settings))
