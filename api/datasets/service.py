"""Deciding about datasets."""

from sqlalchemy.orm import Session

from api.datasets import queries, schemas
from api.uploads.queries import complete_upload
from sdb_service import clock, quotas
from sdb_service.broker import ring_after_commit
from sdb_service.errors import Invalid
from sdb_service.identity import Caller
from sdb_service.ids import new_id
from sdb_service.lifecycle import DATASETS
from sdb_service.quotas.freeing import free_unused
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.tables import Dataset

KINDS = (".zip", ".tar", ".tar.gz", ".tgz", ".npz", ".parquet")


def create(session: Session, caller: Caller, wanted: schemas.NewDataset, *, runtime: Runtime) -> Dataset:
    """Register labelled images; a worker opens and checks them before they are ready."""
    account_id = caller.account_id
    if wanted.upload_id is not None:
        upload = complete_upload(session, caller, wanted.upload_id)
        account_id = upload.account_id
    quotas.reserve(session, account_id, {"open_checks": 1}, settings=runtime.settings)
    if wanted.upload_id is not None:
        upload = complete_upload(session, caller, wanted.upload_id)  # again: under the lock it stays
        if not upload.filename.lower().endswith(KINDS):
            raise Invalid(
                "dataset_kind_unknown",
                "A dataset is a .zip, .tar or .tar.gz (of image folders, CIFAR, Tiny-ImageNet or parquet files), a "
                ".parquet or an .npz; upload it under such a name.",
            )
    dataset = Dataset(
        id=new_id("dst"),
        account_id=account_id,
        created_at=clock.now(),
        name=wanted.name,
        upload_id=wanted.upload_id,
        builtin=wanted.builtin,
        state=DATASETS.waiting,
    )
    session.add(dataset)
    session.flush()
    record_act(session, caller, "dataset.create", dataset.id, owner=dataset.account_id)
    ring_after_commit(session, runtime.celery, DATASETS, dataset.id)
    return dataset


def delete(session: Session, caller: Caller, dataset_id: str, *, runtime: Runtime) -> None:
    """Take a dataset out of the lists, and its file out of the store; the boxes made with it stay."""
    dataset = queries.get_dataset(session, caller, dataset_id)
    quotas.lock(session, dataset.account_id)
    dataset.deleted_at = clock.now()
    session.flush()
    if dataset.upload_id is not None:
        free_unused(session, dataset.account_id, dataset.upload_id, runtime=runtime)
    record_act(session, caller, "dataset.delete", dataset.id, owner=dataset.account_id)
