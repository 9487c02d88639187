"""Finding datasets."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from api.deps import owned
from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.tables import Dataset


def visible_datasets(caller: Caller) -> Select[Dataset]:
    return owned(select(Dataset).where(Dataset.deleted_at.is_(None)), Dataset, caller)


def get_dataset(session: Session, caller: Caller, dataset_id: str) -> Dataset:
    """The caller's dataset. Raises `NotFound`."""
    found = session.execute(visible_datasets(caller).where(Dataset.id == dataset_id)).scalar_one_or_none()
    if found is None:
        raise not_found("dataset", dataset_id)
    return found
