"""Sealing: AES-256-GCM under a fresh data key, which is itself wrapped under the key-encryption key (an envelope).

Who wraps need not be able to unwrap: a `Sealer` seals, and only an `Opener` opens again. Both layers carry the context
(account|box|key|version), so that a sealed value moved to another row, or changed by a bit, does not open.
"""

from sdb_service.sealing.choosing import RotatingKeys, open_keys, open_sealer
from sdb_service.sealing.envelope import derive, head_of, kek_id_of, key_context, rewrap, seal, unseal
from sdb_service.sealing.files import read_key_file
from sdb_service.sealing.local import LocalKeyEncryption, LocalSealer
from sdb_service.sealing.roles import KeyEncryption, Opener, Sealer, Wrapped
from sdb_service.sealing.symmetric import SymmetricKeyEncryption

__all__ = [
    "KeyEncryption",
    "LocalKeyEncryption",
    "LocalSealer",
    "Opener",
    "RotatingKeys",
    "Sealer",
    "SymmetricKeyEncryption",
    "Wrapped",
    "derive",
    "head_of",
    "kek_id_of",
    "key_context",
    "open_keys",
    "open_sealer",
    "read_key_file",
    "rewrap",
    "seal",
    "unseal",
]
