"""`/v1/usage` and the quotas of accounts."""

from fastapi import APIRouter

from api.access import allow
from api.deps import CallerDep, ReadSession, RuntimeDep, WriteSession
from api.quotas import schemas, service

router = APIRouter(prefix="/v1", tags=["quotas"])


@router.get("/usage", dependencies=allow("usage.read"))
def my_usage(caller: CallerDep, session: ReadSession, runtime: RuntimeDep) -> schemas.Usage:
    """What your account uses, has reserved and may use."""
    return service.usage(session, caller, caller.account_id, settings=runtime.settings)


@router.get("/accounts/{account_id}/quotas", dependencies=allow("quota.read"))
def get_quotas(account_id: str, caller: CallerDep, session: ReadSession, runtime: RuntimeDep) -> schemas.Usage:
    return service.usage(session, caller, account_id, settings=runtime.settings)


@router.patch("/accounts/{account_id}/quotas", dependencies=allow("quota.choose"))
def choose_quotas(
    account_id: str, body: schemas.NewQuotas, caller: CallerDep, session: WriteSession, runtime: RuntimeDep
) -> schemas.Usage:
    """Admins only. What is stored above a lower limit stays; nothing more is begun until there is room."""
    return service.choose(session, caller, account_id, body, settings=runtime.settings)
