"""Files by key: a local folder or an S3 bucket behind the same interface."""

from botocore.exceptions import BotoCoreError, ClientError

from sdb_service.settings import Settings
from sdb_service.storage.base import Storage
from sdb_service.storage.local import LocalStorage
from sdb_service.storage.s3 import S3Storage

__all__ = ["STORE_FAILURES", "LocalStorage", "S3Storage", "Storage", "open_storage"]

STORE_FAILURES = (OSError, BotoCoreError, ClientError)  # a store that is away, full or not ours


def open_storage(settings: Settings) -> Storage:
    """The storage that the settings name."""
    if settings.s3_bucket:
        return S3Storage(settings)
    return LocalStorage(settings.data_dir / "files")
