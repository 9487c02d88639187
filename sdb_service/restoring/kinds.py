"""What can be taken away for good, and how a row shows it. A new kind is one more entry here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement

from sdb_service.tables import Account, License, Token, User


@dataclass(frozen=True)
class Kind:
    """Objects of one table that `action` takes away for good; `owner` is the account that may read of it."""

    name: str
    action: str
    table: type[Any]
    owner: Any
    taken: ColumnElement[bool]
    values: Callable[[datetime], Mapping[str, object]]


TOKEN = Kind(
    name="token",
    action="token.revoke",
    table=Token,
    owner=Token.account_id,
    taken=Token.revoked_at.is_not(None),
    values=lambda now: {"revoked_at": now},
)
LICENSE = Kind(
    name="license",
    action="license.revoke",
    table=License,
    owner=License.account_id,
    taken=License.state == "revoked",
    values=lambda now: {"state": "revoked", "revoked_at": now},
)
ACCOUNT = Kind(
    name="account",
    action="account.close",
    table=Account,
    owner=Account.id,
    taken=Account.closed_at.is_not(None),
    values=lambda now: {"closed_at": now},
)

USER = Kind(
    name="user",
    action="user.close",
    table=User,
    owner=User.account_id,
    taken=User.closed_at.is_not(None),
    values=lambda now: {"closed_at": now},
)

KINDS = (ACCOUNT, USER, TOKEN, LICENSE)
BY_ACTION = {kind.action: kind for kind in KINDS}
