"""Kappa: drawn from the operating system's randomness, sealed before anything else happens with it."""

import secrets
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from sdb_service.ids import new_id
from sdb_service.runtime import Runtime
from sdb_service.sealing import key_context, seal, unseal
from sdb_service.secret import Secret
from sdb_service.tables import Job, SealedKey


def random_kappa(shape: dict[str, Any]) -> Secret:
    """A random image in normalised input space, float32 [C, H, W] as little-endian bytes: (U[0, 1] - mean) / std."""
    size = (shape["channels"], shape["height"], shape["width"])
    words = np.frombuffer(secrets.token_bytes(8 * int(np.prod(size))), dtype="<u8")
    pixels = ((words >> np.uint64(11)) * 2.0**-53).reshape(size)
    mean, std = (np.asarray(shape[name], dtype=np.float64)[:, None, None] for name in ("mean", "std"))
    return Secret(((pixels - mean) / std).astype("<f4").tobytes())


def kappa_of_job(session: Session, job: Job, shape: dict[str, Any], *, runtime: Runtime) -> Secret:
    """The job's kappa: made and sealed at the first attempt, opened at later ones, so that a retry can resume."""
    row = session.execute(select(SealedKey).where(SealedKey.box_id == job.box_id)).scalar_one_or_none()
    if row is not None:
        return unseal(row.sealed, context=_context(row), keys=runtime.keys)
    kappa = random_kappa(shape)
    row = SealedKey(
        id=new_id("key"),
        account_id=job.account_id,
        box_id=job.box_id,
        version=1,
        shape=[shape["channels"], shape["height"], shape["width"]],
        sealed=b"",
    )
    row.sealed = seal(kappa, context=_context(row), keys=runtime.keys)
    session.add(row)
    return kappa


def _context(row: SealedKey) -> str:
    return key_context(account_id=row.account_id, box_id=row.box_id, key_id=row.id, version=row.version)
