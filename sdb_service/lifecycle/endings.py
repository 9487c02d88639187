"""Telling both sides that a license has ended: once for each end, and without any say in whether it has."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.lifecycle.licenses import is_in
from sdb_service.recording import record_act
from sdb_service.tables import License


def tell_endings(session: Session) -> list[str]:
    """Record `license.expire` for each license whose end has come since this was last done; their ids.

    One statement finds and marks them, so that of many who do this at once one tells. A renewed license has a new
    end, which is told in its time.
    """
    ended = (
        update(License)
        .where(is_in("expired", clock.now()), License.end_told.is_distinct_from(License.expires_at))
        .values(end_told=License.expires_at)
        .returning(License.id, License.account_id, License.customer_id, License.expires_at)
        .execution_options(synchronize_session=False)
    )
    found = session.execute(ended).all()
    for row in sorted(found, key=lambda row: (row.expires_at, row.id)):
        detail = {"expires_at": row.expires_at.isoformat()}
        record_act(
            session, None, "license.expire", row.id, owner=row.account_id, detail=detail, audience=(row.customer_id,)
        )
    return [row.id for row in found]
