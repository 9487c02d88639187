"""What routes ask for by type: the runtime, a session, the caller."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Select, false
from sqlalchemy.orm import Session

from sdb_service import identity
from sdb_service.db import after_commit
from sdb_service.errors import Unauthenticated
from sdb_service.identity import Caller
from sdb_service.runtime import Runtime
from sdb_service.tables.base import Owned

T = TypeVar("T", bound=Owned)


def get_runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]


def _reading(runtime: RuntimeDep) -> Iterator[Session]:
    with runtime.database.reading() as session:
        yield session


async def _turn_to_write(request: Request) -> AsyncIterator[None]:
    # Writers wait for each other's locks in threads, and whoever holds the lock needs one more to check its answer: if
    # all threads were waiting, none could end. So fewer write at once than there are threads; the others wait here.
    async with request.app.state.turns_to_write:
        yield


TurnDep = Annotated[None, Depends(_turn_to_write, scope="function")]


def _writing(request: Request, runtime: RuntimeDep, _turn: TurnDep) -> Iterator[Session]:
    with runtime.database.transaction() as session:
        after_commit(session, request.app.state.forget)  # whoever lost a right has lost it by the time of the answer
        yield session


# scope="function": the transaction ends before the answer is sent, so a failing commit never answers 200.
ReadSession = Annotated[Session, Depends(_reading, scope="function")]
WriteSession = Annotated[Session, Depends(_writing, scope="function")]


def address_of(request: Request) -> str | None:
    return request.client.host if request.client else None


def bearer_of(request: Request) -> str | None:
    """The token of the request, or None where it carries none."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


def count_request(request: Request, caller: Caller) -> None:
    """Count the request for the caller's account, see `api.limits`. Raises `TooManyRequests`."""
    if (count := request.scope.get("sdb_count_account")) is not None:
        count(caller.account_id)


def optional_caller(request: Request, runtime: RuntimeDep) -> Caller | None:
    """Who asks, or None for the public. Raises where a token is sent that is no good."""
    text = bearer_of(request)
    if text is None:
        return None
    with runtime.database.reading() as session:
        found = identity.caller_of_token(session, text, key=runtime.token_key)
    count_request(request, found)
    request.app.state.last_use.note(found.token_id)
    caller = replace(found, address=address_of(request))
    request.scope["sdb_caller"] = caller  # whose refusals go into the audit log, see api/errors.py
    return caller


OptionalCaller = Annotated[Caller | None, Depends(optional_caller)]


def get_caller(caller: OptionalCaller) -> Caller:
    if caller is None:
        raise Unauthenticated("token_missing", "Sign in: send 'Authorization: Bearer <token>'.")
    return caller


CallerDep = Annotated[Caller, Depends(get_caller)]


def owned(statement: Select[T], table: type[T], caller: Caller) -> Select[T]:
    """Narrow a query to what the caller may see: the admin all, providers their own, and customers own nothing.

    An account that was a provider's before keeps its rows, which then are the admin's alone.
    """
    if caller.is_admin:
        return statement
    return statement.where(table.account_id == caller.account_id if caller.role == "provider" else false())
