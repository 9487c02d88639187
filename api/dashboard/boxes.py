"""Pages of boxes: evidence, publication, licenses."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from api.boxes import queries, schemas, service
from api.dashboard import alarms, evidence
from api.dashboard import queries as shown
from api.dashboard.access import viewing
from api.dashboard.rendering import back_to, page
from api.dashboard.terms import last_moment_of
from api.dashboard.viewing import ActorDep, Viewer, ViewerDep
from api.deps import ReadSession, RuntimeDep, WriteSession
from api.jobs.queries import get_job
from api.licenses import schemas as license_schemas
from api.licenses import service as license_service
from api.paging import PagingDep
from api.paging import page as page_of
from sdb_service import tracing
from sdb_service.errors import Invalid
from sdb_service.licensing import GIVES, Entitlement, Mode
from sdb_service.runtime import Runtime
from sdb_service.tables import Box

router = APIRouter(prefix="/dashboard/boxes", include_in_schema=False)


@router.get("", dependencies=viewing("box.list"))
def list_boxes(viewer: ViewerDep, session: ReadSession, paging: PagingDep, runtime: RuntimeDep) -> HTMLResponse:
    found = page_of(session, queries.own_boxes(viewer.caller), by=Box.id, paging=paging, shape=schemas.Box.of)
    return page("boxes.html", viewer, boxes=found, url=runtime.settings.public_url)


@router.get("/{box_id}", dependencies=viewing("box.read"))
def show_box(box_id: str, viewer: ViewerDep, session: ReadSession, runtime: RuntimeDep, done: str = "") -> HTMLResponse:
    """All of it for its owner; for a licensed customer what the license gives."""
    box = queries.get_box_of_party(session, viewer.caller, box_id)
    if queries.is_owner(viewer.caller, box):
        return page("box.html", viewer, done=done, **_owners_view(session, viewer, box, runtime))
    held = shown.licenses_of_box(session, viewer.caller, box.id)
    licenses = [license_schemas.License.of(row) for row in held]
    told = schemas.PublicBox.of(box)
    return page("licensed_box.html", viewer, box=told, licenses=licenses, url=runtime.settings.public_url)


def _owners_view(session: Session, viewer: Viewer, box: Box, runtime: Runtime) -> dict[str, Any]:
    report = evidence.read(get_job(session, viewer.caller, box.job_id), runtime=runtime)
    licenses = shown.licenses_of_box(session, viewer.caller, box.id)
    raised = alarms.latest(session, viewer.caller, box.id)
    known = [*(row.customer_id for row in licenses), *(alarm.caller_id for alarm in raised)]
    names = shown.account_names(session, viewer.caller, known)
    return {
        "box": schemas.Box.of(box),
        "report": report,
        "charts": evidence.charts(report, box.class_names) if report else None,
        "serving": evidence.serving(report) if report else None,
        "licenses": [license_schemas.License.of(row) for row in licenses],
        "names": names,
        "alarms": raised,
        "drawn_alarms": alarms.drawn(raised, names),
        "marks": tracing.promise(box.input["channels"] * box.input["height"] * box.input["width"]),
        "customers": shown.customers(session, viewer.caller),
        "url": runtime.settings.public_url,
    }


@router.post("/{box_id}/publish", dependencies=viewing("box.publish"))
def publish_box(
    box_id: str,
    actor: ActorDep,
    session: WriteSession,
    outputs: Annotated[list[schemas.Output] | None, Form()] = None,
    top_k: Annotated[int, Form(ge=1, le=1000)] = 5,
    images_per_minute: Annotated[int | None, Form(ge=1, lt=2**31)] = None,
) -> RedirectResponse:
    if not outputs:
        raise Invalid("outputs_missing", "Choose at least one output that the public may ask for.")
    wanted = schemas.Publication(outputs=outputs, top_k=top_k, images_per_minute=images_per_minute)
    service.publish(session, actor.caller, box_id, wanted)
    return back_to(f"/dashboard/boxes/{box_id}", done="published")


@router.post("/{box_id}/unpublish", dependencies=viewing("box.unpublish"))
def unpublish_box(box_id: str, actor: ActorDep, session: WriteSession) -> RedirectResponse:
    service.unpublish(session, actor.caller, box_id)
    return back_to(f"/dashboard/boxes/{box_id}", done="unpublished")


@router.post("/{box_id}/licenses", dependencies=viewing("license.grant"))
def grant_license(
    box_id: str,
    actor: ActorDep,
    session: WriteSession,
    runtime: RuntimeDep,
    customer_id: Annotated[str, Form(min_length=1, max_length=40)],
    mode: Annotated[Mode, Form()] = "delivered",
    entitlements: Annotated[list[Entitlement] | None, Form()] = None,
    until: Annotated[date | None, Form()] = None,
    valid_for_days: Annotated[int | None, Form(ge=1, le=36_500)] = None,
    max_downloads: Annotated[int | None, Form(ge=1, lt=2**31)] = None,
) -> RedirectResponse:
    """`until` is the last day of the license, counted in UTC. Ticks that the mode cannot give are passed over."""
    given = None if entitlements is None else [each for each in GIVES[mode] if each in entitlements]
    if given == []:
        raise Invalid("entitlements_missing", f"Tick something that a {mode} license can give.")
    wanted = license_schemas.NewLicense(
        box_id=box_id,
        customer_id=customer_id.strip(),
        mode=mode,
        entitlements=given,
        expires_at=last_moment_of(until),
        valid_for_days=valid_for_days,
        max_downloads=max_downloads,
        max_predictions=None,
    )
    license_service.grant(session, actor.caller, wanted, settings=runtime.settings)
    return back_to(f"/dashboard/boxes/{box_id}", done="granted")
