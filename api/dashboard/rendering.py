"""Turning a template and what it shows into an answer."""

from typing import Any

from fastapi.responses import HTMLResponse, RedirectResponse

from api.dashboard.viewing import Viewer
from api.templating import environment

_DONE = {
    "published": "Published: anybody may now ask this box for the chosen outputs.",
    "unpublished": "Unpublished: only you and licensed customers can ask this box.",
    "granted": "License granted.",
    "suspended": "License suspended; it can be reinstated.",
    "reinstated": "License reinstated.",
    "renewed": "License renewed.",
    "transferred": "License transferred: whoever held it is refused from now on.",
    "revoked": "License revoked for good.",
    "webhook_enabled": "Enabled: it is told what happens from now on.",
    "webhook_disabled": "Disabled: it is told nothing more.",
    "webhook_tested": "A test is on its way; reload the page in a moment.",
    "webhook_deleted": "Webhook deleted.",
    "webhook_redelivered": "It is sent again; reload the page in a moment.",
    "password": "The password is changed, and all other sessions have ended.",
    "one_step": "The second step is off.",
    "session_ended": "That session has ended.",
    "sessions_ended": "All other sessions have ended.",
    "invitation_revoked": "The invitation works no more.",
    "rank": "The rank is changed; it holds from their next click on.",
    "person_closed": "They are out, and their sessions have ended.",
    "token_revoked": "Token revoked: programs that use it stop at once.",
    "cancelled": "Cancel requested; a running job stops at its next step.",
}


def page(template: str, viewer: Viewer | None, *, status: int = 200, done: str = "", **shown: Any) -> HTMLResponse:
    """A page of the dashboard. `done` names what a form just did; unknown names show nothing."""
    notice = _DONE.get(done)
    text = environment.get_template(template).render(viewer=viewer, notice=notice, **shown)
    return HTMLResponse(text, status_code=status)


def back_to(address: str, *, done: str = "") -> RedirectResponse:
    """After a form: the page again, by GET, so that a reload does not send the form twice."""
    return RedirectResponse(f"{address}?done={done}" if done else address, status_code=303)
