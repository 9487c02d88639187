"""Deciding about models."""

from sqlalchemy.orm import Session

from api.models import queries, schemas
from api.uploads.queries import complete_upload
from sdb_service import clock, quotas
from sdb_service.broker import ring_after_commit
from sdb_service.identity import Caller
from sdb_service.ids import new_id
from sdb_service.lifecycle import MODELS
from sdb_service.quotas.freeing import free_unused
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.tables import Model


def create(session: Session, caller: Caller, wanted: schemas.NewModel, *, runtime: Runtime) -> Model:
    """Register an uploaded checkpoint; a worker checks it before it is ready."""
    owner = complete_upload(session, caller, wanted.upload_id).account_id
    quotas.reserve(session, owner, {"open_checks": 1}, settings=runtime.settings)
    upload = complete_upload(session, caller, wanted.upload_id)  # again: under the lock it stays
    model = Model(
        id=new_id("mdl"),
        account_id=upload.account_id,
        created_at=clock.now(),
        name=wanted.name,
        upload_id=upload.id,
        architecture=wanted.architecture,
        num_classes=wanted.num_classes,
        input=wanted.input.model_dump(),
        class_names=wanted.class_names,
        state=MODELS.waiting,
    )
    session.add(model)
    session.flush()
    record_act(session, caller, "model.create", model.id, owner=model.account_id)
    ring_after_commit(session, runtime.celery, MODELS, model.id)
    return model


def delete(session: Session, caller: Caller, model_id: str, *, runtime: Runtime) -> None:
    """Take a model out of the lists, and its file out of the store; the boxes made from it stay."""
    model = queries.get_model(session, caller, model_id)
    quotas.lock(session, model.account_id)
    model.deleted_at = clock.now()
    session.flush()
    free_unused(session, model.account_id, model.upload_id, runtime=runtime)
    record_act(session, caller, "model.delete", model.id, owner=model.account_id)
