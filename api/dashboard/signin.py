"""Signing in by a one-time link, and out."""

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse

from api.access import declare
from api.dashboard import cookies, sessions
from api.dashboard.access import viewing
from api.dashboard.rendering import back_to, page
from api.dashboard.viewing import ActorDep, require_same_site
from api.dashboard.visits import VisitDep
from api.deps import RuntimeDep, WriteSession
from sdb_service.identity import SESSION_SECONDS

router = APIRouter(prefix="/dashboard", include_in_schema=False)


@router.get("/login/{link}", dependencies=declare("dashboard.enter"))
def show_sign_in(link: str) -> HTMLResponse:  # noqa: ARG001
    """A button and nothing more: mail programs and browsers open links before people do, and this one works once."""
    return page("login.html", None)


@router.post("/login/{link}", dependencies=[*declare("dashboard.enter"), Depends(require_same_site)])
def sign_in(link: str, visit: VisitDep, session: WriteSession, runtime: RuntimeDep) -> RedirectResponse:
    text = sessions.open_session(session, link, key=runtime.token_key, visit=visit)
    answer = back_to("/dashboard")
    cookies.give(answer, runtime.settings, cookies.SESSION, text, seconds=SESSION_SECONDS)
    return answer


@router.post("/logout", dependencies=viewing("dashboard.view"))
def sign_out(actor: ActorDep, session: WriteSession, runtime: RuntimeDep) -> HTMLResponse:
    sessions.close_session(session, actor.own)
    answer = page("signed_out.html", None, problem=None)
    cookies.take_back(answer, runtime.settings, cookies.SESSION)
    return answer
