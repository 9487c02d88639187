"""Who looks at a page: the session cookie in, the viewer out; and what every form must prove."""

import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Request

from api.deps import RuntimeDep, address_of, count_request
from sdb_service import identity
from sdb_service.errors import Forbidden, Unauthenticated
from sdb_service.identity import Caller

COOKIE = "sdb_session"
COOKIE_PATH = "/dashboard"


@dataclass(frozen=True)
class Viewer:
    """A signed-in person, and the token their forms carry."""

    caller: Caller
    csrf: str

    @property
    def makes_boxes(self) -> bool:
        """Providers and admins have models, jobs and boxes of their own; customers have licenses."""
        return self.caller.role in ("provider", "admin")


def get_viewer(request: Request, runtime: RuntimeDep) -> Viewer:
    """Whose session the cookie names. Raises `Unauthenticated`, which the frame answers with the sign-in page."""
    text = request.cookies.get(COOKIE)
    if not text:
        raise Unauthenticated("session_missing", "You are not signed in; sign in with a one-time link.")
    with runtime.database.reading() as session:
        found, opened = identity.caller_of_session(session, text, key=runtime.token_key)
    count_request(request, found)
    caller = Caller(found.account_id, found.role, found.name, address_of(request))
    viewer = Viewer(caller, opened.csrf)
    request.scope["sdb_viewer"] = viewer  # the frame names the person on error pages too
    return viewer


ViewerDep = Annotated[Viewer, Depends(get_viewer)]


def require_same_site(request: Request) -> None:
    """Refuse a form that another site sends; browsers name the sender's kind, programs that send nothing pass.

    The origin is no help here: under `Referrer-Policy: no-referrer` a browser sends `null` for our own forms.

    Raises:
        Forbidden: the request comes from another site.
    """
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Forbidden("form_from_elsewhere", "This form was sent from another site; open it in the dashboard itself.")


def get_actor(request: Request, viewer: ViewerDep, csrf: Annotated[str, Form(max_length=200)] = "") -> Viewer:
    """The viewer behind a form that is really ours: its token must be the session's.

    Raises:
        Forbidden: the token is missing or another session's.
    """
    require_same_site(request)
    if not hmac.compare_digest(csrf.encode(), viewer.csrf.encode()):
        raise Forbidden("csrf_invalid", "This form belongs to another session; reload its page, then send it again.")
    return viewer


ActorDep = Annotated[Viewer, Depends(get_actor)]
