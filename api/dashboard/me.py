"""One's own account: the password, the second step, where one is signed in."""

from typing import Annotated

import segno
from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from api.dashboard.access import viewing
from api.dashboard.rendering import back_to, page
from api.dashboard.viewing import ActorDep, ViewerDep
from api.dashboard.visits import DoorDep
from api.deps import ReadSession, RuntimeDep, WriteSession
from sdb_service.people import own, users
from sdb_service.secret import Secret

router = APIRouter(prefix="/dashboard/me", include_in_schema=False)

_HERE = "/dashboard/me"
_GROUP = 4

Password = Annotated[str, Form(min_length=1, max_length=1024)]
Code = Annotated[str, Form(min_length=1, max_length=40)]


@router.get("", dependencies=viewing("dashboard.view"))
def show_me(viewer: ViewerDep, session: ReadSession, runtime: RuntimeDep, done: str = "") -> HTMLResponse:
    idle = runtime.settings.session_idle_minutes * 60
    user = users.open_user(session, viewer.caller.user_id) if viewer.caller.user_id else None
    return page(
        "me.html", viewer, done=done, user=user, sessions=own.own_sessions(session, viewer.own, idle_seconds=idle)
    )


@router.post("/password", dependencies=viewing("dashboard.view"))
def change_password(
    actor: ActorDep, old: Password, new: Password, runtime: RuntimeDep, door: DoorDep
) -> RedirectResponse:
    own.change_password(runtime, door, actor.own, old=_secret(old), new=_secret(new))
    return back_to(_HERE, done="password")


@router.get("/second-step", dependencies=viewing("dashboard.view"))
def show_second_step(viewer: ViewerDep, runtime: RuntimeDep) -> HTMLResponse:
    """The picture for an app, until a code of it was entered."""
    seed, address = own.pending_second_step(runtime, viewer.own)
    picture = segno.make_qr(address).svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=False)
    text = seed.reveal().decode()
    groups = [text[start : start + _GROUP] for start in range(0, len(text), _GROUP)]
    return page("second_step.html", viewer, picture=Markup(picture), groups=groups)  # noqa: S704 - made here


@router.post("/second-step", dependencies=viewing("dashboard.view"))
def begin_second_step(actor: ActorDep, runtime: RuntimeDep) -> RedirectResponse:
    own.begin_second_step(runtime, actor.own)
    return back_to(f"{_HERE}/second-step")


@router.post("/second-step/confirm", dependencies=viewing("dashboard.view"))
def confirm_second_step(actor: ActorDep, code: Code, runtime: RuntimeDep, door: DoorDep) -> HTMLResponse:
    codes = own.confirm_second_step(runtime, door, actor.own, code=code)
    return page("recovery_codes.html", actor, codes=[each.reveal().decode() for each in codes])


@router.post("/second-step/off", dependencies=viewing("dashboard.view"))
def switch_second_step_off(
    actor: ActorDep, password: Password, code: Code, runtime: RuntimeDep, door: DoorDep
) -> RedirectResponse:
    own.switch_second_step_off(runtime, door, actor.own, password=_secret(password), code=code)
    return back_to(_HERE, done="one_step")


@router.post("/sessions/end-others", dependencies=viewing("dashboard.view"))
def end_other_sessions(actor: ActorDep, session: WriteSession) -> RedirectResponse:
    own.end_other_sessions(session, actor.own)
    return back_to(_HERE, done="sessions_ended")


@router.post("/sessions/{session_id}/end", dependencies=viewing("dashboard.view"))
def end_session(session_id: str, actor: ActorDep, session: WriteSession) -> RedirectResponse:
    own.end_own_session(session, actor.own, session_id)
    return back_to(_HERE, done="session_ended")


def _secret(text: str) -> Secret:
    return Secret(text.encode(errors="surrogatepass"))
