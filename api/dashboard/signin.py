"""Signing in by a one-time link, and out."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from api.access import declare
from api.dashboard import sessions
from api.dashboard.access import viewing
from api.dashboard.rendering import back_to, page
from api.dashboard.viewing import COOKIE, COOKIE_PATH, ActorDep, require_same_site
from api.deps import RuntimeDep, WriteSession, address_of
from sdb_service.identity import SESSION_SECONDS

router = APIRouter(prefix="/dashboard", include_in_schema=False)


@router.get("/login/{link}", dependencies=declare("dashboard.enter"))
def show_sign_in(link: str) -> HTMLResponse:  # noqa: ARG001
    """A button and nothing more: mail programs and browsers open links before people do, and this one works once."""
    return page("login.html", None)


@router.post("/login/{link}", dependencies=[*declare("dashboard.enter"), Depends(require_same_site)])
def sign_in(link: str, request: Request, session: WriteSession, runtime: RuntimeDep) -> RedirectResponse:
    text = sessions.open_session(session, link, key=runtime.token_key, address=address_of(request))
    answer = back_to("/dashboard")
    answer.set_cookie(
        COOKIE,
        text.reveal().decode(),
        max_age=SESSION_SECONDS,
        path=COOKIE_PATH,
        secure=runtime.settings.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/logout", dependencies=viewing("dashboard.view"))
def sign_out(request: Request, actor: ActorDep, session: WriteSession, runtime: RuntimeDep) -> HTMLResponse:
    sessions.close_session(session, request.cookies[COOKIE], key=runtime.token_key, caller=actor.caller)
    answer = page("signed_out.html", None, problem=None)
    answer.delete_cookie(COOKIE, path=COOKIE_PATH)
    return answer
