"""From settings to key-encryption keys: for a process that opens, and for one that only seals."""

from collections.abc import Mapping

from sdb_service.errors import SealBroken
from sdb_service.sealing.aws_kms import KmsKeyEncryption, KmsSealer
from sdb_service.sealing.local import LocalKeyEncryption, LocalSealer
from sdb_service.sealing.roles import KeyEncryption, Opener, Sealer, Wrapped
from sdb_service.sealing.vault import VaultKeyEncryption, VaultSealer
from sdb_service.secret import Secret
from sdb_service.settings import Settings


class RotatingKeys:
    """Seals with the provider that the settings name, and opens what any provider sealed that is still at hand."""

    def __init__(self, current: KeyEncryption, openers: Mapping[str, Opener]) -> None:
        self._current, self._openers = current, openers

    def wrap(self, data_key: Secret, context: str) -> Wrapped:
        return self._current.wrap(data_key, context)

    def unwrap(self, wrapped: Wrapped, context: str) -> Secret:
        opener = self._openers.get(wrapped.kek_id.partition(":")[0])
        if opener is None:
            raise SealBroken
        return opener.unwrap(wrapped, context)

    @property
    def local(self) -> LocalKeyEncryption | None:
        """The keys in files, where the current one is among them."""
        return self._current if isinstance(self._current, LocalKeyEncryption) else None


def open_keys(settings: Settings) -> RotatingKeys:
    """What seals and opens, for the API and the operator. Raises `OSError` and `ValueError` for unusable key files."""
    provider = settings.kek_provider
    openers: dict[str, KeyEncryption] = {}
    if provider == "local" or settings.kek_file.exists():
        openers["local"] = LocalKeyEncryption(settings.kek_file, public=settings.effective_kek_public_file)
    if provider != "local":
        openers[provider] = _service(settings)
    return RotatingKeys(openers[provider], openers)


def open_sealer(settings: Settings) -> Sealer:
    """What seals alone, for the worker: of the local keys it takes the public half and nothing else."""
    if settings.kek_provider == "local":
        return LocalSealer(settings.effective_kek_public_file)
    if settings.kek_provider == "aws-kms":
        return KmsSealer(settings.kek_key, region=settings.kms_region, endpoint_url=settings.kms_endpoint_url)
    assert settings.vault_token_file is not None
    return VaultSealer(
        settings.kek_key, url=settings.vault_url, token_file=settings.vault_token_file, mount=settings.vault_mount
    )


def _service(settings: Settings) -> KeyEncryption:
    if settings.kek_provider == "aws-kms":
        return KmsKeyEncryption(settings.kek_key, region=settings.kms_region, endpoint_url=settings.kms_endpoint_url)
    assert settings.vault_token_file is not None
    return VaultKeyEncryption(
        settings.kek_key, url=settings.vault_url, token_file=settings.vault_token_file, mount=settings.vault_mount
    )
