"""The public keys that anything was ever signed under: whoever checks an old signature finds its key here."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sdb_service.signing import SigningKey
from sdb_service.tables import PublicSigningKey


def remember(session: Session, key: SigningKey) -> None:
    """Write a key's public half down, with whatever is signed under it: afterwards a new key cannot hide the old."""
    if session.get(PublicSigningKey, key.key_id) is not None:
        return
    try:
        with session.begin_nested():
            session.add(PublicSigningKey(id=key.key_id, public_key=key.public_key_text))
    except IntegrityError:
        pass  # another process wrote it down at this moment


def listed(session: Session, current: SigningKey) -> list[tuple[str, str]]:
    """The id and the text of each public key, the one in use first, then the newest first."""
    statement = select(PublicSigningKey).where(PublicSigningKey.id != current.key_id)
    older = session.execute(statement.order_by(PublicSigningKey.created_at.desc(), PublicSigningKey.id)).scalars()
    return [(current.key_id, current.public_key_text), *((row.id, row.public_key) for row in older)]
