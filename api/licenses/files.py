"""License files: what a customer shows where the service cannot be asked, signed and good for some days.

Four lines of ASCII: the format; what is stated, as JSON; the name of the key; and the signature over the bytes of the
three lines before it, in hexadecimal. Nothing in it is free to change: a reader takes exactly these bytes.
"""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from api.licenses import keys, queries
from sdb_service import clock, signing_keys
from sdb_service.identity import Caller
from sdb_service.licensing import VALID, entitlements_of, reason_code, refusal
from sdb_service.lifecycle.licenses import end_of_first_use, state_of
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.tables import Box, License

FORMAT = "sdb-license/1"


def issue_file(session: Session, caller: Caller, license_id: str, *, runtime: Runtime) -> bytes:
    """The signed file of a license that the caller gave or holds; recorded in the audit log.

    Raises:
        NotFound: no such license. Forbidden: it is not good now; the code says why.
    """
    held = queries.get_license(session, caller, license_id)
    reason = reason_code(held)
    if reason != VALID:
        raise refusal(reason)
    stated = _stated(session, held, runtime)
    signing_keys.remember(session, runtime.signing)
    detail = {"until": stated["expires_at"], "key_id": runtime.signing.key_id}
    record_act(session, caller, "license.file", held.id, owner=held.account_id, detail=detail)
    return _signed(stated, runtime)


def _signed(stated: dict[str, Any], runtime: Runtime) -> bytes:
    text = json.dumps(stated, separators=(",", ":"), ensure_ascii=True)
    message = f"{FORMAT}\n{text}\nkey {runtime.signing.key_id}\n".encode("ascii")
    return message + f"signature {runtime.signing.sign(message).hex()}\n".encode("ascii")


def _stated(session: Session, held: License, runtime: Runtime) -> dict[str, Any]:
    now, entitlements = clock.now(), entitlements_of(held)
    return {
        "license_id": held.id,
        "box_id": held.box_id,
        "provider_id": held.account_id,
        "customer_id": held.customer_id,
        "mode": held.mode,
        "entitlements": list(entitlements),
        "state": state_of(held),
        "issued_at": now.isoformat(),
        "expires_at": _end(held, now, seconds=runtime.settings.license_file_seconds).isoformat(),
        "license_expires_at": held.expires_at.isoformat() if held.expires_at else None,
        "key_sha256": _key_digest(session, held, runtime) if "key:download" in entitlements else None,
    }


def _end(held: License, now: datetime, *, seconds: int) -> datetime:
    """When the file ends: never after its license, also if that is first used at this moment."""
    ends = [now + timedelta(seconds=seconds)]
    if held.expires_at is not None:
        ends.append(held.expires_at)
    if held.first_used_at is None and held.valid_for_days is not None:
        ends.append(end_of_first_use(now, held.valid_for_days))
    return min(ends)


def _key_digest(session: Session, held: License, runtime: Runtime) -> str:
    """SHA-256 of the kappa that this holder is given, as it stands in the key file."""
    kappa = keys.license_kappa(session, session.get_one(Box, held.box_id), held.mark, runtime=runtime)
    return hashlib.sha256(kappa.tobytes()).hexdigest()
