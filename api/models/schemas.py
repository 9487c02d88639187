"""The HTTP shapes of models."""

from typing import Annotated, Self

from pydantic import Field, FiniteFloat, StringConstraints, model_validator

from api.shapes import ARCHITECTURE, Body, Checked, Name, reason_of
from sdb_service.tables import Model as ModelRow

Architecture = Annotated[str, StringConstraints(max_length=120, pattern=ARCHITECTURE)]


class Input(Body):
    """What the network takes: pixels in [0, 1], less `mean`, divided by `std`, per channel."""

    channels: int = Field(ge=1, le=4)
    height: int = Field(ge=1, le=1024)
    width: int = Field(ge=1, le=1024)
    mean: list[FiniteFloat]
    std: list[FiniteFloat]

    @model_validator(mode="after")
    def _one_number_per_channel(self) -> Self:
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError(f"mean and std need one number for each of the {self.channels} channels")
        if any(value <= 0 for value in self.std):
            raise ValueError("every std must be above 0")
        return self


class NewModel(Body):
    name: Name
    upload_id: str
    architecture: Architecture = Field(
        description="sdb:NAME, torchvision:NAME or timm:NAME, such as sdb:resnet18; or program, for a .pt2 file."
    )
    num_classes: int = Field(ge=2, le=100_000)
    input: Input
    class_names: list[str] | None = None

    @model_validator(mode="after")
    def _one_name_per_class(self) -> Self:
        if self.class_names is not None and len(self.class_names) != self.num_classes:
            raise ValueError(f"class_names has {len(self.class_names)} names for {self.num_classes} classes")
        return self


class Model(Checked):
    upload_id: str
    architecture: str
    num_classes: int
    input: Input
    class_names: list[str] | None

    @classmethod
    def of(cls, row: ModelRow) -> Self:
        return cls.model_validate(
            {**{name: getattr(row, name) for name in cls.model_fields if name != "reason"}, "reason": reason_of(row)}
        )
