"""`/v1/licenses`: who may have a box's knowledge, and the key itself."""

from fastapi import APIRouter, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse

from api.access import allow
from api.bodies.receiving import COUNTED_AS_IT_STREAMS, read_body
from api.deps import CallerDep, ReadSession, RuntimeDep, WriteSession
from api.idempotency import OnceDep
from api.licenses import files, keys, queries, schemas, service, tracing
from api.paging import Page, PagingDep, page
from sdb_service.tables import License

router = APIRouter(prefix="/v1/licenses", tags=["licenses"])
boxes_router = APIRouter(prefix="/v1/boxes", tags=["licenses"])


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=allow("license.grant"))
def grant_license(
    body: schemas.NewLicense, caller: CallerDep, session: WriteSession, runtime: RuntimeDep, once: OnceDep
) -> schemas.License:
    def granted() -> schemas.License:
        return schemas.License.of(service.grant(session, caller, body, settings=runtime.settings))

    return once.answer(session, body, granted, schemas.License)


@router.get("", dependencies=allow("license.list"))
def list_licenses(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.License]:
    return page(session, queries.visible_licenses(caller), by=License.id, paging=paging, shape=schemas.License.of)


@router.get("/{license_id}", dependencies=allow("license.read"))
def get_license(license_id: str, caller: CallerDep, session: ReadSession) -> schemas.License:
    """The license, and whether it is good now: `valid` and a stable `reason`."""
    return schemas.License.of(queries.get_license(session, caller, license_id))


@router.post("/{license_id}/suspend", dependencies=allow("license.suspend"))
def suspend_license(license_id: str, caller: CallerDep, session: WriteSession) -> schemas.License:
    """Stop the license for now: no downloads, no open answers. A key that was delivered goes on working."""
    return schemas.License.of(service.suspend(session, caller, license_id))


@router.post("/{license_id}/reinstate", dependencies=allow("license.reinstate"))
def reinstate_license(license_id: str, caller: CallerDep, session: WriteSession) -> schemas.License:
    """Let a suspended license be good again; one that has ended meanwhile must be renewed."""
    return schemas.License.of(service.reinstate(session, caller, license_id))


@router.post("/{license_id}/renew", dependencies=allow("license.renew"))
def renew_license(license_id: str, body: schemas.Renewal, caller: CallerDep, session: WriteSession) -> schemas.License:
    """Give the license a new end; one that has expired is good again."""
    return schemas.License.of(service.renew(session, caller, license_id, expires_at=body.expires_at))


@router.post("/{license_id}/revoke", dependencies=allow("license.revoke"))
def revoke_license(license_id: str, caller: CallerDep, session: WriteSession) -> schemas.License:
    """End the license for good.

    Under a hosted license everything ends at once. Under a delivered one downloads and open answers end at once, but
    a key that was delivered cannot be called back: whoever has it can use it with answers they still can get.
    """
    return schemas.License.of(service.revoke(session, caller, license_id))


@router.post("/{license_id}/transfer", dependencies=allow("license.transfer"))
def transfer_license(
    license_id: str, body: schemas.NewHolder, caller: CallerDep, session: WriteSession
) -> schemas.License:
    """Give the license to another customer, with what is left of its downloads and predictions.

    Whoever held it is refused from this moment on. A key that they were delivered cannot be called back, and goes on
    opening the box; the next holder's carries a mark of its own.
    """
    return schemas.License.of(service.transfer(session, caller, license_id, customer_id=body.customer_id))


@router.get("/{license_id}/validation", dependencies=allow("license.read"))
def validate_license(license_id: str, caller: CallerDep, session: ReadSession) -> schemas.Validation:
    """Whether the license is good now, and for what: a stable reason code and its cure for each entitlement."""
    return schemas.Validation.of(queries.get_license(session, caller, license_id))


@router.get("/{license_id}/key", response_class=Response, dependencies=allow("license.key"))
def get_key(license_id: str, caller: CallerDep, session: WriteSession, runtime: RuntimeDep) -> Response:
    """The key, for the customer of an active delivered license; the download is recorded in the same transaction."""
    content, box_id = keys.issue_key(session, caller, license_id, runtime=runtime)
    headers = {
        "Content-Disposition": f'attachment; filename="{box_id}.key.safetensors"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get("/{license_id}/file", response_class=PlainTextResponse, dependencies=allow("license.file"))
def get_file(license_id: str, caller: CallerDep, session: WriteSession, runtime: RuntimeDep) -> PlainTextResponse:
    """What the license says, signed (Ed25519), for where the service cannot be asked; `sdb licenses verify` reads it.

    Good for some days, and never longer than the license. Until then it cannot be taken back: whoever trusts it offline
    does not hear of a license that was suspended, revoked or transferred meanwhile.
    """
    content = files.issue_file(session, caller, license_id, runtime=runtime)
    headers = {
        "Content-Disposition": f'attachment; filename="{license_id}.sdb-license"',
        "Cache-Control": "no-store",
    }
    return PlainTextResponse(content, headers=headers)


@boxes_router.post("/{box_id}/trace", max_body_size=COUNTED_AS_IT_STREAMS, dependencies=allow("box.trace"))
async def trace(box_id: str, request: Request, caller: CallerDep, runtime: RuntimeDep) -> schemas.Trace:
    """Which licenses a key that turned up came from, or that it cannot be said; for the box's owner, and recorded.

    The body is the key file (`application/octet-stream`), an npy array or a picture of the key.
    """
    box = await run_in_threadpool(tracing.require_own_box, runtime, caller, box_id)
    body = await read_body(request, limit=runtime.settings.max_predict_bytes)
    content_type = request.headers.get("content-type", "")
    return await run_in_threadpool(tracing.trace, runtime, caller, box, body, content_type)
