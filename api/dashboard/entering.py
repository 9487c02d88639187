"""Signing in by name, password and code; joining by an invitation; choosing a new password by a link.

Nobody here is signed in yet, so there is no session to bind a form to: other sites are refused by what browsers say of
the sender. No route takes a database session: nothing may hold a transaction while a password is hashed.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.access import declare
from api.dashboard import cookies
from api.dashboard.rendering import back_to, page
from api.dashboard.viewing import require_same_site
from api.dashboard.visits import DoorDep, VisitDep
from api.deps import RuntimeDep
from api.errors import STATUS
from api.shapes import Name
from sdb_service.errors import Conflict, Invalid, ServiceError, Unauthenticated
from sdb_service.identity import SESSION_SECONDS
from sdb_service.people import joining, links, signing_in
from sdb_service.people.devices import DEVICE_SECONDS
from sdb_service.people.signing_in import CodeWanted, Entered
from sdb_service.runtime import Runtime
from sdb_service.secret import Secret

router = APIRouter(prefix="/dashboard", include_in_schema=False)

_SAME_SITE = [Depends(require_same_site)]

Password = Annotated[str, Form(min_length=1, max_length=1024)]


@router.get("/sign-in", dependencies=declare("dashboard.enter"))
def show_sign_in(done: str = "") -> HTMLResponse:
    return page("sign_in.html", None, done=done)


@router.post("/sign-in", dependencies=[*declare("dashboard.enter"), *_SAME_SITE])
def sign_in(
    email: Annotated[str, Form(min_length=1, max_length=254)],
    password: Password,
    visit: VisitDep,
    runtime: RuntimeDep,
    door: DoorDep,
) -> Response:
    outcome = signing_in.sign_in(runtime, door, email=email, password=_secret(password), visit=visit)
    if isinstance(outcome, CodeWanted):
        return _ask_for_code(outcome.step.reveal().decode())
    return _entered(outcome, runtime)


@router.post("/sign-in/code", dependencies=[*declare("dashboard.enter"), *_SAME_SITE])
def enter_code(
    step: Annotated[str, Form(max_length=300)],
    code: Annotated[str, Form(min_length=1, max_length=40)],
    visit: VisitDep,
    runtime: RuntimeDep,
    door: DoorDep,
) -> Response:
    try:
        return _entered(signing_in.enter_code(runtime, door, step=step, code=code, visit=visit), runtime)
    except Unauthenticated as refused:
        if refused.code != "code_wrong":
            raise
        return _ask_for_code(step, refused)


@router.get("/invitations/{link}", dependencies=declare("dashboard.enter"))
def show_invitation(link: str, runtime: RuntimeDep) -> HTMLResponse:
    return _show_invitation(link, runtime)


@router.post("/invitations/{link}", dependencies=[*declare("dashboard.enter"), *_SAME_SITE])
def accept_invitation(
    link: str,
    name: Annotated[Name, Form()],
    password: Password,
    visit: VisitDep,
    runtime: RuntimeDep,
    door: DoorDep,
) -> Response:
    try:
        entered = joining.join(runtime, door, link=link, name=name, password=_secret(password), visit=visit)
    except (Invalid, Conflict) as refused:
        return _show_invitation(link, runtime, refused, name=name)
    return _entered(entered, runtime)


@router.get("/passwords/{link}", dependencies=declare("dashboard.enter"))
def show_new_password(link: str, runtime: RuntimeDep) -> HTMLResponse:
    return _show_new_password(link, runtime)


@router.post("/passwords/{link}", dependencies=[*declare("dashboard.enter"), *_SAME_SITE])
def choose_password(link: str, password: Password, visit: VisitDep, runtime: RuntimeDep, door: DoorDep) -> Response:
    try:
        device = joining.choose_password(runtime, door, link=link, password=_secret(password), visit=visit)
    except Invalid as refused:
        return _show_new_password(link, runtime, refused)
    answer = back_to("/dashboard/sign-in", done="password")
    cookies.give(answer, runtime.settings, cookies.DEVICE, device, seconds=DEVICE_SECONDS)
    return answer


def _entered(entered: Entered, runtime: Runtime) -> RedirectResponse:
    answer = back_to("/dashboard")
    cookies.give(answer, runtime.settings, cookies.SESSION, entered.session, seconds=SESSION_SECONDS)
    cookies.give(answer, runtime.settings, cookies.DEVICE, entered.device, seconds=DEVICE_SECONDS)
    return answer


def _ask_for_code(step: str, refused: ServiceError | None = None) -> HTMLResponse:
    return page("sign_in_code.html", None, status=_status(refused), step=step, refused=refused)


def _show_invitation(
    link: str, runtime: Runtime, refused: ServiceError | None = None, *, name: str = ""
) -> HTMLResponse:
    with runtime.database.reading() as session:
        invitation, account = links.waiting_invitation(session, link, key=runtime.token_key)
    return page(
        "join.html",
        None,
        status=_status(refused),
        invitation=invitation,
        account=account,
        refused=refused,
        name=name,
    )


def _show_new_password(link: str, runtime: Runtime, refused: ServiceError | None = None) -> HTMLResponse:
    with runtime.database.reading() as session:
        user = links.waiting_reset(session, link, key=runtime.token_key)
    return page("new_password.html", None, status=_status(refused), user=user, refused=refused)


def _status(refused: ServiceError | None) -> int:
    return STATUS[refused.kind] if refused else 200


def _secret(text: str) -> Secret:
    return Secret(text.encode(errors="surrogatepass"))
