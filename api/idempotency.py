"""`Idempotency-Key`: a POST repeated with the same key answers what it answered, and does nothing twice."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.deps import CallerDep, RuntimeDep
from sdb_service import quotas
from sdb_service.errors import Conflict
from sdb_service.identity import Caller
from sdb_service.settings import Settings
from sdb_service.tables import IdempotentAnswer

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class Once:
    """Runs the work of one POST at most once for each key of the caller."""

    caller: Caller
    key: str | None
    route: str
    settings: Settings

    def answer(self, session: Session, body: BaseModel, make: Callable[[], Answer], shape: type[Answer]) -> Answer:
        """What `make` gives, or gave when the same request came before.

        Raises:
            Conflict: the key was used for a different request, or the first one is still under way.
            QuotaExceeded: so many answers are kept already.
        """
        if self.key is None:
            return make()
        digest = hashlib.sha256(f"{self.route}\n{body.model_dump_json()}".encode()).hexdigest()
        known = session.get(IdempotentAnswer, (self.caller.account_id, self.key))
        if known is not None:
            if known.request_digest != digest:
                raise Conflict(
                    "idempotency_key_reused", "This Idempotency-Key was used for another request; use a fresh one."
                )
            return shape.model_validate(known.answer)
        quotas.require_room(session, self.caller.account_id, "idempotency_keys", settings=self.settings)
        made = make()
        kept = IdempotentAnswer(
            account_id=self.caller.account_id, key=self.key, request_digest=digest, answer=made.model_dump(mode="json")
        )
        session.add(kept)
        try:
            session.flush()
        except IntegrityError as error:
            raise Conflict("idempotency_in_flight", "The same request is under way; ask again in a moment.") from error
        return made


def get_once(
    request: Request,
    caller: CallerDep,
    runtime: RuntimeDep,
    key: Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)] = None,
) -> Once:
    return Once(caller, key, f"{request.method} {request.url.path}", runtime.settings)


OnceDep = Annotated[Once, Depends(get_once)]
