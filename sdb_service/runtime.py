"""What a process holds while it runs: settings and the open things made from them."""

from dataclasses import dataclass

from celery import Celery

from sdb_service.broker import make_celery
from sdb_service.db import Database
from sdb_service.sealing import KeyEncryption, LocalKeyEncryption, read_key_file
from sdb_service.secret import Secret
from sdb_service.settings import Settings
from sdb_service.signing import SigningKey
from sdb_service.storage import Storage, open_storage


@dataclass(frozen=True)
class Runtime:
    """One for each process; nothing here is a global."""

    settings: Settings
    database: Database
    storage: Storage
    keys: KeyEncryption
    token_key: Secret
    signing: SigningKey
    celery: Celery


def open_runtime(settings: Settings | None = None, *, celery: Celery | None = None) -> Runtime:
    """Open everything the settings name. The database is not migrated here: see `migrations`."""
    settings = settings or Settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return Runtime(
        settings=settings,
        database=Database(settings.effective_database_url),
        storage=open_storage(settings),
        keys=LocalKeyEncryption(settings.kek_file),
        token_key=read_key_file(settings.token_key_file),
        signing=SigningKey(settings.effective_signing_key_file),
        celery=celery or make_celery(settings),
    )
