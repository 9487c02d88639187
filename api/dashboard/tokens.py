"""The page of tokens: those there are, a form for a new one, whose text is shown in that one answer."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from api import policy
from api.accounts import queries, schemas, service
from api.dashboard.access import viewing
from api.dashboard.rendering import back_to, page
from api.dashboard.viewing import ActorDep, Viewer, ViewerDep
from api.deps import ReadSession, RuntimeDep, WriteSession
from api.paging import Paging, PagingDep
from api.paging import page as page_of
from sdb_service.tables import Token

router = APIRouter(prefix="/dashboard/tokens", include_in_schema=False)


@router.get("", dependencies=viewing("token.list"))
def list_tokens(viewer: ViewerDep, session: ReadSession, paging: PagingDep, done: str = "") -> HTMLResponse:
    return page("tokens.html", viewer, done=done, fresh=None, **_shown(session, viewer, paging))


@router.post("", dependencies=viewing("token.issue"))
def issue_token(
    actor: ActorDep,
    session: WriteSession,
    runtime: RuntimeDep,
    name: Annotated[str, Form(min_length=1, max_length=200)],
    scopes: Annotated[list[policy.Scope] | None, Form()] = None,
    until: Annotated[date | None, Form()] = None,
) -> HTMLResponse:
    """`until` is the last day of the token, counted in UTC; without scopes it may all that the person may."""
    end = datetime.combine(until, time.max, UTC) if until else None
    wanted = schemas.NewToken(name=name, scopes=scopes or None, expires_at=end)
    token, text = service.issue_token(session, actor.caller, wanted, key=runtime.token_key, settings=runtime.settings)
    fresh = schemas.FreshToken.shown(token, text)
    return page("tokens.html", actor, fresh=fresh, **_shown(session, actor, Paging(limit=50, after=None)))


@router.post("/{token_id}/revoke", dependencies=viewing("token.revoke"))
def revoke_token(token_id: str, actor: ActorDep, session: WriteSession) -> RedirectResponse:
    service.revoke_token(session, actor.caller, token_id)
    return back_to("/dashboard/tokens", done="token_revoked")


def _shown(session: Session, viewer: Viewer, paging: Paging) -> dict[str, Any]:
    found = page_of(session, queries.visible_tokens(viewer.caller), by=Token.id, paging=paging, shape=schemas.Token.of)
    return {"tokens": found, "scopes": policy.scopes_of(viewer.caller.standing)}
