"""Pages of licenses: those one gave and those one holds, and the key."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from api import policy
from api.access import declare
from api.dashboard import queries as shown
from api.dashboard.access import viewing
from api.dashboard.rendering import back_to, page
from api.dashboard.viewing import ActorDep, ViewerDep
from api.deps import ReadSession, RuntimeDep, WriteSession
from api.licenses import keys, queries, schemas, service
from api.paging import PagingDep
from api.paging import page as page_of
from sdb_service.identity import Caller
from sdb_service.tables import License

router = APIRouter(prefix="/dashboard/licenses", include_in_schema=False)

Act = Literal["suspend", "reinstate", "revoke"]
_ACTS: dict[Act, tuple[Callable[[Session, Caller, str], License], str]] = {
    "suspend": (service.suspend, "suspended"),
    "reinstate": (service.reinstate, "reinstated"),
    "revoke": (service.revoke, "revoked"),
}


@router.get("", dependencies=viewing("license.list"))
def list_licenses(
    viewer: ViewerDep, session: ReadSession, runtime: RuntimeDep, paging: PagingDep, done: str = ""
) -> HTMLResponse:
    caller = viewer.caller
    found = page_of(session, queries.visible_licenses(caller), by=License.id, paging=paging, shape=schemas.License.of)
    return page(
        "licenses.html",
        viewer,
        done=done,
        licenses=found,
        boxes=shown.box_names(session, [row.box_id for row in found.data]),
        names=shown.account_names(session, caller, [row.customer_id for row in found.data]),
        url=runtime.settings.public_url,
    )


@router.post("/{license_id}/key", dependencies=viewing("license.key"))
def download_key(license_id: str, actor: ActorDep, session: WriteSession, runtime: RuntimeDep) -> Response:
    """The key file. By POST: a download counts and is recorded, which nobody's prefetch should set off."""
    content, box_id = keys.issue_key(session, actor.caller, license_id, runtime=runtime)
    headers = {
        "Content-Disposition": f'attachment; filename="{box_id}.key.safetensors"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.post("/{license_id}/{act}", dependencies=declare("dashboard.view"))
def change_license(
    license_id: str, act: Annotated[Act, Path()], actor: ActorDep, session: WriteSession
) -> RedirectResponse:
    policy.require(actor.caller, f"license.{act}")
    change, done = _ACTS[act]
    change(session, actor.caller, license_id)
    return back_to("/dashboard/licenses", done=done)
