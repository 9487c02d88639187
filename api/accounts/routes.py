"""`/v1/accounts`, `/v1/tokens` and the way into the dashboard."""

from fastapi import APIRouter, status

from api.access import allow
from api.accounts import queries, schemas, service
from api.deps import CallerDep, ReadSession, RuntimeDep, WriteSession
from api.idempotency import OnceDep
from api.paging import Page, PagingDep, page
from sdb_service import identity, quotas
from sdb_service.errors import not_found
from sdb_service.tables import Account, Token

router = APIRouter(prefix="/v1", tags=["accounts"])


@router.post("/accounts", status_code=status.HTTP_201_CREATED, dependencies=allow("account.create"))
def create_account(
    body: schemas.NewAccount, caller: CallerDep, session: WriteSession, once: OnceDep
) -> schemas.Account:
    return once.answer(
        session, body, lambda: schemas.Account.of(service.create_account(session, caller, body)), schemas.Account
    )


@router.get("/accounts", dependencies=allow("account.list"))
def list_accounts(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Account]:
    return page(session, queries.visible_accounts(caller), by=Account.id, paging=paging, shape=schemas.Account.of)


@router.get("/accounts/me", dependencies=allow("account.me"))
def who_am_i(caller: CallerDep, session: ReadSession) -> schemas.Account:
    return schemas.Account.of(queries.open_account(session, caller.account_id))


@router.get("/accounts/{account_id}", dependencies=allow("account.read"))
def get_account(account_id: str, caller: CallerDep, session: ReadSession) -> schemas.Account:
    found = session.execute(queries.visible_accounts(caller).where(Account.id == account_id)).scalar_one_or_none()
    if found is None:
        raise not_found("account", account_id)
    return schemas.Account.of(found)


@router.patch("/accounts/{account_id}", dependencies=allow("account.change"))
def change_account(
    account_id: str, body: schemas.AccountChange, caller: CallerDep, session: WriteSession
) -> schemas.Account:
    """Give an account another role. It holds from the answer on, in other processes within a second."""
    return schemas.Account.of(service.change_account(session, caller, account_id, body))


@router.delete("/accounts/{account_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=allow("account.close"))
def close_account(account_id: str, caller: CallerDep, session: WriteSession) -> None:
    service.close_account(session, caller, account_id)


@router.post("/tokens", status_code=status.HTTP_201_CREATED, dependencies=allow("token.issue"))
def issue_token(
    body: schemas.NewToken, caller: CallerDep, session: WriteSession, runtime: RuntimeDep
) -> schemas.FreshToken:
    """The text of the token is in this answer and nowhere else; a repeated call makes another token."""
    token, text = service.issue_token(session, caller, body, key=runtime.token_key, settings=runtime.settings)
    return schemas.FreshToken.shown(token, text)


@router.get("/tokens", dependencies=allow("token.list"))
def list_tokens(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Token]:
    return page(session, queries.visible_tokens(caller), by=Token.id, paging=paging, shape=schemas.Token.of)


@router.delete("/tokens/{token_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=allow("token.revoke"))
def revoke_token(token_id: str, caller: CallerDep, session: WriteSession) -> None:
    service.revoke_token(session, caller, token_id)


@router.post("/login-links", status_code=status.HTTP_201_CREATED, dependencies=allow("login.link"))
def make_login_link(caller: CallerDep, session: WriteSession, runtime: RuntimeDep) -> schemas.LoginLink:
    """A one-time way into the dashboard for the caller."""
    quotas.reserve(session, caller.account_id, {"login_links": 1}, settings=runtime.settings)
    text = identity.make_login_link(session, caller.account_id, key=runtime.token_key).reveal().decode()
    url = f"{runtime.settings.public_url}/dashboard/login/{text}"
    return schemas.LoginLink(url=url, expires_in_seconds=identity.LINK_SECONDS)
