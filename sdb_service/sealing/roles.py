"""Who may do what with a key-encryption key: seal, or open, or both."""

from typing import NamedTuple, Protocol

from sdb_service.secret import Secret

FIRST_KEY = "local:sdb1"  # the symmetric key of the first format, whose values do not name their key


class Wrapped(NamedTuple):
    """A data key under the key-encryption key of this id, such as `local:1f2e...` or `aws-kms:arn:...`."""

    kek_id: str
    content: bytes


class Sealer(Protocol):
    """Wraps data keys. The worker has this alone."""

    def wrap(self, data_key: Secret, context: str) -> Wrapped: ...


class Opener(Protocol):
    """Unwraps data keys.

    `unwrap` raises `SealBroken` for whatever is wrong with the data, and `KeyServiceUnavailable` where nobody could be
    asked.
    """

    def unwrap(self, wrapped: Wrapped, context: str) -> Secret: ...


class KeyEncryption(Sealer, Opener, Protocol):
    """Both, as the API has it."""
