"""Known devices: a cookie that proves that this browser has signed in by this name before. It opens nothing.

It only gives attempts of its own (see `attempts`), so that strangers who try a name cannot keep its owner out. It
is checked without the database, since that happens before attempts are counted.
"""

import hmac
import secrets

from sdb_service import clock, credentials
from sdb_service.secret import Secret

DEVICE_SECONDS = 180 * 24 * 3600


def make(name: str, *, key: Secret) -> Secret:
    """The text of a device's cookie after somebody signed in by this name."""
    device, until = secrets.token_hex(16), str(int(clock.after(DEVICE_SECONDS).timestamp()))
    return Secret(f"{device}.{until}.{_proof(name, device, until, key)}".encode())


def known(text: str | None, name: str, *, key: Secret) -> str | None:
    """The device that the cookie names, or None where it is not one of this name's, or too old."""
    device, _, rest = (text or "").partition(".")
    until, _, proof = rest.partition(".")
    if not hmac.compare_digest(proof.encode(), _proof(name, device, until, key).encode()):
        return None
    return device if int(until) > clock.now().timestamp() else None


def _proof(name: str, device: str, until: str, key: Secret) -> str:
    return credentials.digest_of(f"device|{name}|{device}|{until}", key=key)
