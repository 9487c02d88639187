"""`/v1/models`: pretrained checkpoints."""

from fastapi import APIRouter, status

from api.access import allow
from api.deps import CallerDep, ReadSession, RuntimeDep, WriteSession
from api.idempotency import OnceDep
from api.models import queries, schemas, service
from api.paging import Page, PagingDep, page
from sdb_service.tables import Model

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=allow("model.create"))
def create_model(
    body: schemas.NewModel, caller: CallerDep, session: WriteSession, runtime: RuntimeDep, once: OnceDep
) -> schemas.Model:
    return once.answer(
        session,
        body,
        lambda: schemas.Model.of(service.create(session, caller, body, runtime=runtime)),
        schemas.Model,
    )


@router.get("", dependencies=allow("model.list"))
def list_models(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Model]:
    return page(session, queries.visible_models(caller), by=Model.id, paging=paging, shape=schemas.Model.of)


@router.get("/{model_id}", dependencies=allow("model.read"))
def get_model(model_id: str, caller: CallerDep, session: ReadSession) -> schemas.Model:
    return schemas.Model.of(queries.get_model(session, caller, model_id))


@router.delete("/{model_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=allow("model.delete"))
def delete_model(model_id: str, caller: CallerDep, session: WriteSession, runtime: RuntimeDep) -> None:
    service.delete(session, caller, model_id, runtime=runtime)
