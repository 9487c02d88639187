"""Kappa: drawn from the operating system's randomness, sealed before anything else happens with it.

It is sealed twice: for good, under a key that no worker can open with, and for a retry of this job, under the workers'
own key. The second copy is gone as soon as the job is over (see `lifecycle`).
"""

import logging
import secrets
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from sdb_service import lifecycle
from sdb_service.errors import SealBroken
from sdb_service.ids import new_id
from sdb_service.lifecycle import Claim
from sdb_service.runtime import WorkerRuntime
from sdb_service.sealing import key_context, seal, unseal
from sdb_service.secret import Secret
from sdb_service.tables import Job, SealedKey

log = logging.getLogger(__name__)


def random_kappa(shape: dict[str, Any]) -> Secret:
    """A random image in normalised input space, float32 [C, H, W] as little-endian bytes: (U[0, 1] - mean) / std."""
    size = (shape["channels"], shape["height"], shape["width"])
    words = np.frombuffer(secrets.token_bytes(8 * int(np.prod(size))), dtype="<u8")
    pixels = ((words >> np.uint64(11)) * 2.0**-53).reshape(size)
    mean, std = (np.asarray(shape[name], dtype=np.float64)[:, None, None] for name in ("mean", "std"))
    return Secret(((pixels - mean) / std).astype("<f4").tobytes())


def kappa_of_job(session: Session, held: Claim, job: Job, shape: dict[str, Any], *, runtime: WorkerRuntime) -> Secret:
    """The job's kappa: drawn and sealed at the first attempt, kept for later ones, so that a retry can resume.

    Where a retry finds none that it can open, it draws another and begins anew.
    Raises:
        LostLease: another attempt owns the job. KeyServiceUnavailable: nothing can be sealed just now.
    """
    row = session.execute(select(SealedKey).where(SealedKey.box_id == job.box_id)).scalar_one_or_none()
    if row is not None and (kept := _kept(job, row, runtime)) is not None:
        return kept
    kappa = random_kappa(shape)
    if row is None:
        row = SealedKey(
            id=new_id("key"),
            account_id=job.account_id,
            box_id=job.box_id,
            version=1,
            shape=[shape["channels"], shape["height"], shape["width"]],
        )
        session.add(row)
    row.sealed = seal(kappa, context=_context(row), keys=runtime.sealer)
    lifecycle.keep_kappa(session, held, seal(kappa, context=_flight_context(row), keys=runtime.in_flight))
    session.refresh(job)
    return kappa


def _kept(job: Job, row: SealedKey, runtime: WorkerRuntime) -> Secret | None:
    if job.kappa_in_flight is None:  # begun under a version that kept none
        return None
    try:
        return unseal(job.kappa_in_flight, context=_flight_context(row), keys=runtime.in_flight)
    except SealBroken:
        log.warning("the kappa of a job in flight does not open; it begins anew", extra={"job_id": job.id})
        return None


def _context(row: SealedKey) -> str:
    return key_context(account_id=row.account_id, box_id=row.box_id, key_id=row.id, version=row.version)


def _flight_context(row: SealedKey) -> str:
    return f"{_context(row)}|in-flight"
