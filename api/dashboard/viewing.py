"""Who looks at a page: the session cookie in, the viewer out; and what every form must prove."""

import hmac
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request
from sqlalchemy import update

from api.dashboard import cookies
from api.deps import RuntimeDep, address_of, count_request
from sdb_service import clock, identity
from sdb_service.errors import Forbidden, Unauthenticated
from sdb_service.identity import Caller
from sdb_service.people.own import Self
from sdb_service.runtime import Runtime
from sdb_service.tables import DashboardSession

_SEEN_SECONDS = 60
_POLLS = ("/dashboard/progress", "/events")  # asked by pages that nobody may be looking at


@dataclass(frozen=True)
class Viewer:
    """A signed-in person, and the token their forms carry."""

    caller: Caller
    csrf: str
    session_id: str

    @property
    def own(self) -> Self:
        """The person as one who changes something of their own."""
        return Self(self.caller, self.session_id)

    @property
    def leads(self) -> bool:
        """Whether they let others into the account."""
        return self.caller.is_admin or self.caller.rank == "owner"

    @property
    def makes_boxes(self) -> bool:
        """Providers and admins have models, jobs and boxes of their own; customers have licenses."""
        return self.caller.role in ("provider", "admin")


def get_viewer(request: Request, runtime: RuntimeDep) -> Viewer:
    """Whose session the cookie names. Raises `Unauthenticated`, which the frame answers with the sign-in page."""
    text = cookies.read(request, runtime.settings, cookies.SESSION)
    if not text:
        raise Unauthenticated("session_missing", "You are not signed in; sign in, or use a one-time link.")
    idle = runtime.settings.session_idle_minutes * 60
    with runtime.database.reading() as session:
        found, opened = identity.caller_of_session(session, text, key=runtime.token_key, idle_seconds=idle)
    count_request(request, found)
    if not request.url.path.endswith(_POLLS):
        _note_seen(runtime, opened, idle_seconds=idle)
    viewer = Viewer(replace(found, address=address_of(request)), opened.csrf, opened.id)
    request.scope["sdb_caller"] = viewer.caller  # whose refusals go into the audit log, see api/errors.py
    request.scope["sdb_viewer"] = viewer  # the frame names the person on error pages too
    return viewer


ViewerDep = Annotated[Viewer, Depends(get_viewer)]


def _note_seen(runtime: Runtime, opened: DashboardSession, *, idle_seconds: int) -> None:
    """Write down that the session is used, once a minute at most: a page must not cost a write."""
    if opened.seen_at is not None and opened.seen_at > clock.after(-min(_SEEN_SECONDS, idle_seconds / 4)):
        return
    with runtime.database.transaction() as session:
        session.execute(update(DashboardSession).where(DashboardSession.id == opened.id).values(seen_at=clock.now()))


def require_same_site(request: Request, runtime: RuntimeDep) -> None:
    """Refuse a form that another site sends; browsers name the sender's kind, programs that send nothing pass.

    Browsers that do not name the kind name the origin; under `Referrer-Policy: no-referrer` that is `null` for our
    own forms.

    Raises:
        Forbidden: the request comes from another site.
    """
    kind, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "null")
    ours = {request.headers.get("host", ""), urlsplit(runtime.settings.public_url).netloc}
    if kind is None and origin != "null" and origin.partition("://")[2] not in ours:
        kind = "cross-site"
    if kind not in (None, "same-origin", "none"):
        raise Forbidden("form_from_elsewhere", "This form was sent from another site; open it in the dashboard itself.")


def get_actor(
    request: Request, viewer: ViewerDep, runtime: RuntimeDep, csrf: Annotated[str, Form(max_length=200)] = ""
) -> Viewer:
    """The viewer behind a form that is really ours: its token must be the session's.

    Raises:
        Forbidden: the token is missing or another session's.
    """
    require_same_site(request, runtime)
    if not hmac.compare_digest(csrf.encode(), viewer.csrf.encode()):
        raise Forbidden("csrf_invalid", "This form belongs to another session; reload its page, then send it again.")
    return viewer


ActorDep = Annotated[Viewer, Depends(get_actor)]
