"""What happens to an upload: open, complete, then freeing (its bytes are being deleted) and freed.

An upload is given up or freed under the lock of its account (see `quotas.lock`), under which models, datasets and jobs
are made too: nothing comes to stand on a file that is about to go.
"""

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from sdb_service import clock
from sdb_service.tables import Dataset, Job, Model, Upload, UploadPart

GONE = ("freeing", "freed")  # to everybody outside, as if it had never been


def complete_upload(session: Session, upload_id: str) -> bool:
    """End an open upload as whole and verified; False where it is not open."""
    statement = update(Upload).where(Upload.id == upload_id, Upload.state == "open")
    ended = session.execute(statement.values(state="complete", completed_at=clock.now()).returning(Upload.id))
    return ended.one_or_none() is not None


def abandon_upload(session: Session, upload_id: str) -> bool:
    """Give up an open upload; False where it is not open. Its parts count until they are deleted."""
    return _to_be_freed(session, upload_id, Upload.state == "open")


def free_upload(session: Session, upload_id: str) -> bool:
    """Give up a complete upload on which nothing stands any more; False where something does."""
    return _to_be_freed(session, upload_id, and_(Upload.state == "complete", ~stands()))


def forget_upload(session: Session, upload_id: str) -> None:
    """The bytes are gone: the row goes too, or stays where a deleted model or dataset still names it."""
    session.execute(delete(UploadPart).where(UploadPart.upload_id == upload_id))
    named = or_(
        exists(select(Model.id).where(Model.upload_id == Upload.id)),
        exists(select(Dataset.id).where(Dataset.upload_id == Upload.id)),
    )
    freeing = (Upload.id == upload_id, Upload.state == "freeing")
    session.execute(update(Upload).where(*freeing, named).values(state="freed"))
    session.execute(delete(Upload).where(*freeing, ~named))


def stands() -> ColumnElement[bool]:
    """Whether a model or dataset stands on the upload, or a job under way was begun with one deleted since."""
    model, dataset = aliased(Model), aliased(Dataset)
    active = Job.state.in_(("queued", "running"))
    return or_(
        exists(select(model.id).where(model.upload_id == Upload.id, model.deleted_at.is_(None))),
        exists(select(dataset.id).where(dataset.upload_id == Upload.id, dataset.deleted_at.is_(None))),
        exists(select(Job.id).join(Model, Job.model_id == Model.id).where(active, Model.upload_id == Upload.id)),
        exists(
            select(Job.id).join(Dataset, Job.dataset_id == Dataset.id).where(active, Dataset.upload_id == Upload.id)
        ),
    )


def _to_be_freed(session: Session, upload_id: str, allowed: ColumnElement[bool]) -> bool:
    statement = update(Upload).where(Upload.id == upload_id, allowed).values(state="freeing")
    options = {"synchronize_session": False}
    return session.execute(statement.returning(Upload.id), execution_options=options).one_or_none() is not None
