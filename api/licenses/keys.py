"""Giving out a key: counted, unsealed and recorded in one transaction, or not at all."""

import hashlib
import json

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from api.licenses import queries
from sdb_service import clock, tracing
from sdb_service.db import after_rollback
from sdb_service.errors import Forbidden, not_found
from sdb_service.identity import Caller
from sdb_service.licensing import VALID, entitlements_of, reason_code, refusal
from sdb_service.lifecycle.licenses import end_of_first_use, first_use, is_in
from sdb_service.recording import record_act, record_refusal
from sdb_service.runtime import Runtime
from sdb_service.sealing import derive, key_context, unseal
from sdb_service.secret import Secret
from sdb_service.tables import Box, License, SealedKey


def issue_key(session: Session, caller: Caller, license_id: str, *, runtime: Runtime) -> tuple[bytes, str]:
    """The key file of the customer's own license and the id of its box.

    Raises:
        NotFound: no such license of this customer.
        Forbidden: the license does not give out the key; the code says why.
        Unavailable: the database may be a restored backup that does not know all revocations yet.
    """
    runtime.keeper.require_current()
    found = queries.get_license(session, caller, license_id)
    if caller.role != "customer" or found.customer_id != caller.account_id:
        raise not_found("license", license_id)
    try:
        _count_download(session, found)
    except Forbidden as refused:
        _record_once_over(session, caller, found, refused.code, runtime=runtime)
        raise
    box = session.get_one(Box, found.box_id)
    content = key_file(box, license_kappa(session, box, found.mark, runtime=runtime))
    detail = {"box_id": box.id, "download": found.downloads, "customer_id": found.customer_id}
    record_act(session, caller, "license.key", found.id, owner=found.account_id, detail=detail)
    return content, box.id


def open_kappa(session: Session, box: Box, *, runtime: Runtime) -> npt.NDArray[np.float32]:
    """A box's kappa, unsealed: float32 [C, H, W] in normalised input space."""
    row = _sealed_key(session, box)
    opened = unseal(row.sealed, context=_context(row), keys=runtime.keys)
    return np.frombuffer(opened.reveal(), dtype="<f4").reshape(row.shape)


def license_kappa(session: Session, box: Box, name: str, *, runtime: Runtime) -> npt.NDArray[np.float32]:
    """What one holder of a delivered license is given, always the same: kappa with the mark of this name.

    Kappa itself where it is too small for marks.
    """
    kappa = open_kappa(session, box, runtime=runtime)
    if not tracing.is_marked(kappa.size):
        return kappa
    mark = tracing.mark_of(tracing_secret(session, box, runtime=runtime), name, kappa.shape)
    return tracing.marked(kappa, mark, std=box.input["std"])


def tracing_secret(session: Session, box: Box, *, runtime: Runtime) -> Secret:
    """What a box's marks are drawn under. It cannot be computed from kappa, of which every customer knows much."""
    row = _sealed_key(session, box)
    return derive(row.sealed, context=_context(row), label="sdb-tracing/1", keys=runtime.keys)


def key_file(box: Box, kappa: npt.NDArray[np.float32]) -> bytes:
    """A key as safetensors: `kappa`, and what belongs to it."""
    metadata = {
        "format": "sdb-key/1",
        "lambda": repr(box.lam),
        "mean": json.dumps(box.input["mean"]),
        "std": json.dumps(box.input["std"]),
        "shape": json.dumps(list(kappa.shape)),
        "box_id": box.id,
        "sha256": hashlib.sha256(kappa.tobytes()).hexdigest(),
    }
    return save({"kappa": kappa}, metadata=metadata)


def _sealed_key(session: Session, box: Box) -> SealedKey:
    return session.execute(select(SealedKey).where(SealedKey.box_id == box.id)).scalar_one()


def _context(row: SealedKey) -> str:
    return key_context(account_id=row.account_id, box_id=row.box_id, key_id=row.id, version=row.version)


def _record_once_over(session: Session, caller: Caller, found: License, code: str, *, runtime: Runtime) -> None:
    license_id, owner = found.id, found.account_id
    after_rollback(
        session,
        lambda: record_refusal(runtime.database, caller, "license.key_refused", license_id, owner=owner, code=code),
    )


def _count_download(session: Session, found: License) -> None:
    # One statement, so that of two requests for the last download exactly one gets it, and no former holder any.
    if "key:download" not in entitlements_of(found):  # these never change
        raise refusal(reason_code(found, "key:download"))
    now, customer = clock.now(), found.customer_id
    statement = (
        update(License)
        .where(
            License.id == found.id,
            License.customer_id == customer,
            is_in("active", now),
            or_(License.max_downloads.is_(None), License.downloads < License.max_downloads),
        )
        .values(downloads=License.downloads + 1, **first_use(now, end_of_first_use(now, found.valid_for_days)))
        .returning(License.downloads)
        .execution_options(synchronize_session=False)
    )
    counted = session.execute(statement).scalar_one_or_none()
    session.refresh(found)
    if counted is None:
        if found.customer_id != customer:
            raise not_found("license", found.id)
        reason = reason_code(found, "key:download")
        raise refusal("license_downloads_used_up" if reason == VALID else reason)
