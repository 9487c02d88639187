"""`/v1/datasets`: labelled images."""

from fastapi import APIRouter, status

from api.access import allow
from api.datasets import queries, schemas, service
from api.deps import CallerDep, ReadSession, RuntimeDep, WriteSession
from api.idempotency import OnceDep
from api.paging import Page, PagingDep, page
from sdb_service.tables import Dataset

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


@router.post("", status_code=status.HTTP_201_CREATED, dependencies=allow("dataset.create"))
def create_dataset(
    body: schemas.NewDataset, caller: CallerDep, session: WriteSession, runtime: RuntimeDep, once: OnceDep
) -> schemas.Dataset:
    return once.answer(
        session,
        body,
        lambda: schemas.Dataset.of(service.create(session, caller, body, runtime=runtime)),
        schemas.Dataset,
    )


@router.get("", dependencies=allow("dataset.list"))
def list_datasets(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Dataset]:
    return page(session, queries.visible_datasets(caller), by=Dataset.id, paging=paging, shape=schemas.Dataset.of)


@router.get("/{dataset_id}", dependencies=allow("dataset.read"))
def get_dataset(dataset_id: str, caller: CallerDep, session: ReadSession) -> schemas.Dataset:
    return schemas.Dataset.of(queries.get_dataset(session, caller, dataset_id))


@router.delete("/{dataset_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=allow("dataset.delete"))
def delete_dataset(dataset_id: str, caller: CallerDep, session: WriteSession, runtime: RuntimeDep) -> None:
    service.delete(session, caller, dataset_id, runtime=runtime)
