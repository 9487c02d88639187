"""Finding uploads."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.deps import owned
from sdb_service.errors import Conflict, not_found
from sdb_service.identity import Caller
from sdb_service.lifecycle.uploads import GONE
from sdb_service.tables import Upload, UploadPart


def get_upload(session: Session, caller: Caller, upload_id: str) -> Upload:
    """The caller's upload. Raises `NotFound`."""
    statement = owned(select(Upload).where(Upload.id == upload_id, Upload.state.not_in(GONE)), Upload, caller)
    found = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise not_found("upload", upload_id)
    return found


def open_upload(session: Session, caller: Caller, upload_id: str, *, stays: bool = False) -> Upload:
    """The caller's upload that still takes parts; its row `stays` till the transaction ends, where that is asked.

    Raises `NotFound` or `Conflict`.
    """
    if stays:
        session.execute(select(Upload.id).where(Upload.id == upload_id).with_for_update(read=True, key_share=True))
    upload = get_upload(session, caller, upload_id)
    if upload.state != "open":
        raise Conflict("upload_closed", f"The upload is {upload.state} and takes no more parts; start a new one.")
    return upload


def complete_upload(session: Session, caller: Caller, upload_id: str) -> Upload:
    """The caller's upload, whole and verified. Raises `NotFound` or `Conflict`."""
    upload = get_upload(session, caller, upload_id)
    if upload.state != "complete":
        raise Conflict(
            "upload_incomplete", "The upload is not complete; send its missing parts, then POST its /complete."
        )
    return upload


def received_parts(session: Session, upload_id: str) -> list[UploadPart]:
    statement = select(UploadPart).where(UploadPart.upload_id == upload_id).order_by(UploadPart.number)
    return list(session.execute(statement).scalars())
