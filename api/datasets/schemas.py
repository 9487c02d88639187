"""The HTTP shapes of datasets."""

from typing import Literal, Self

from pydantic import Field, model_validator

from api.shapes import Body, Checked, Name, reason_of
from sdb_service.tables import Dataset as DatasetRow

Builtin = Literal["builtin:digits"]


class NewDataset(Body):
    """An uploaded file, or a set that comes with the service.

    A .zip, .tar or .tar.gz of image folders (`train/CLASS/x.png`, `test/CLASS/x.png`, or `CLASS/x.png`), of CIFAR-10,
    CIFAR-100 or Tiny-ImageNet as downloaded, or of parquet files; a .parquet; or an .npz.
    """

    name: Name
    upload_id: str | None = None
    builtin: Builtin | None = Field(None, description="builtin:digits: 1,797 handwritten digits of 8x8 pixels.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.upload_id is None) == (self.builtin is None):
            raise ValueError("give either upload_id or builtin")
        return self


class Dataset(Checked):
    upload_id: str | None
    builtin: str | None

    @classmethod
    def of(cls, row: DatasetRow) -> Self:
        return cls.model_validate(
            {**{name: getattr(row, name) for name in cls.model_fields if name != "reason"}, "reason": reason_of(row)}
        )
