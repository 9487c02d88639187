"""Pages of licenses: those one gave and those one holds, the key and the license file."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from api import policy
from api.access import declare
from api.dashboard import queries as shown
from api.dashboard.access import viewing
from api.dashboard.rendering import back_to, page
from api.dashboard.terms import last_moment_of
from api.dashboard.viewing import ActorDep, ViewerDep
from api.deps import ReadSession, RuntimeDep, WriteSession
from api.licenses import files, keys, queries, schemas, service
from api.paging import PagingDep
from api.paging import page as page_of
from sdb_service.identity import Caller
from sdb_service.lifecycle.licenses import MOVES, state_of
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


@router.get("/{license_id}", dependencies=viewing("license.read"))
def show_license(
    license_id: str, viewer: ViewerDep, session: ReadSession, runtime: RuntimeDep, done: str = ""
) -> HTMLResponse:
    """One license: what it gives now and why not, and the acts of whoever gave it."""
    found = queries.get_license(session, viewer.caller, license_id)
    return page(
        "license.html",
        viewer,
        done=done,
        license=schemas.License.of(found),
        validation=schemas.Validation.of(found),
        possible={act for state, act in MOVES if state == state_of(found)},
        boxes=shown.box_names(session, [found.box_id]),
        names=shown.account_names(session, viewer.caller, [found.customer_id, found.account_id]),
        customers=shown.customers(session, viewer.caller),
        signing_key=runtime.signing.public_key_text,
    )


@router.post("/{license_id}/key", dependencies=viewing("license.key"))
def download_key(license_id: str, actor: ActorDep, session: WriteSession, runtime: RuntimeDep) -> Response:
    """The key file. By POST: a download counts and is recorded, which nobody's prefetch should set off."""
    content, box_id = keys.issue_key(session, actor.caller, license_id, runtime=runtime)
    return _download(content, f"{box_id}.key.safetensors")


@router.post("/{license_id}/file", dependencies=viewing("license.file"))
def download_file(license_id: str, actor: ActorDep, session: WriteSession, runtime: RuntimeDep) -> Response:
    """The signed license file; recorded, and so by POST."""
    content = files.issue_file(session, actor.caller, license_id, runtime=runtime)
    return _download(content, f"{license_id}.sdb-license")


@router.post("/{license_id}/renew", dependencies=viewing("license.renew"))
def renew_license(
    license_id: str, actor: ActorDep, session: WriteSession, until: Annotated[date | None, Form()] = None
) -> RedirectResponse:
    """`until` is the new last day, counted in UTC; left empty, the license has no end."""
    service.renew(session, actor.caller, license_id, expires_at=last_moment_of(until))
    return back_to(f"/dashboard/licenses/{license_id}", done="renewed")


@router.post("/{license_id}/transfer", dependencies=viewing("license.transfer"))
def transfer_license(
    license_id: str,
    actor: ActorDep,
    session: WriteSession,
    customer_id: Annotated[str, Form(min_length=1, max_length=40)],
) -> RedirectResponse:
    service.transfer(session, actor.caller, license_id, customer_id=customer_id.strip())
    return back_to(f"/dashboard/licenses/{license_id}", done="transferred")


@router.post("/{license_id}/{act}", dependencies=declare("dashboard.view"))
def change_license(
    license_id: str,
    act: Annotated[Act, Path()],
    actor: ActorDep,
    session: WriteSession,
    on: Annotated[Literal["list", "page"], Form()] = "list",
) -> RedirectResponse:
    """`on` is where the form stands, and so what is shown afterwards."""
    policy.require(actor.caller, f"license.{act}")
    change, done = _ACTS[act]
    change(session, actor.caller, license_id)
    return back_to("/dashboard/licenses" if on == "list" else f"/dashboard/licenses/{license_id}", done=done)


def _download(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/octet-stream", headers=headers)
