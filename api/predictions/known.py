"""What the prediction path knows of a box and of whoever asks: plain values, read once and kept for a second."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from api.bodies.geometry import Affine, Geometry
from api.boxes import queries
from sdb_service.identity import Caller
from sdb_service.tables import Box, License


@dataclass(frozen=True, eq=False)
class KnownBox:
    """A box's row, as far as predictions need it."""

    id: str
    num_classes: int
    class_names: tuple[str, ...] | None
    geometry: Geometry
    outputs: tuple[str, ...]
    top_k: int
    images_per_minute: int | None  # the owner's choice for everybody else
    lam: float
    onnx_key: str
    onnx_sha256: str

    @classmethod
    def of(cls, row: Box) -> Self:
        return cls(
            id=row.id,
            num_classes=row.num_classes,
            class_names=tuple(str(name) for name in row.class_names) if row.class_names else None,
            geometry=Geometry.of(row.input),
            outputs=tuple(row.outputs),
            top_k=row.top_k,
            images_per_minute=row.images_per_minute,
            lam=row.lam,
            onnx_key=row.served_key,
            onnx_sha256=row.served_sha256,
        )


@dataclass(frozen=True)
class HeldLicense:
    """What must be known of a license to count images against it."""

    id: str
    valid_for_days: int | None


@dataclass(frozen=True, eq=False)
class Standing:
    """A caller before a box: that they may ask it is settled."""

    caller: Caller | None
    box: KnownBox
    is_owner: bool
    kappa: npt.NDArray[np.float32] | None = field(default=None, repr=False)  # [C, H, W], for `distill` alone
    licenses: tuple[HeldLicense, ...] = ()  # active ones, newest first, for `distill` alone
    images_per_minute: int | None = None  # under the newest license
    renderings: dict[Any, Any] = field(default_factory=dict)  # made once for all who ask the same

    @cached_property
    def affine(self) -> Affine:
        """What makes the net's input of pixels: normalised, and under a key blended with it (Eq. 5)."""
        geometry, lam = self.box.geometry, self.box.lam
        if self.kappa is None:
            return geometry.affine
        std = geometry.std.astype(np.float64)
        shift = (1 - lam) * self.kappa - lam * geometry.mean / std
        return Affine.of(lam / (255 * std), shift, (geometry.channels, geometry.height, geometry.width))

    @classmethod
    def of(
        cls,
        caller: Caller | None,
        row: Box,
        *,
        kappa: npt.NDArray[np.float32] | None = None,
        licenses: tuple[License, ...] = (),
    ) -> Self:
        return cls(
            caller,
            KnownBox.of(row),
            queries.is_owner(caller, row),
            kappa=kappa,
            licenses=tuple(HeldLicense(one.id, one.valid_for_days) for one in licenses),
            images_per_minute=licenses[0].images_per_minute if licenses else None,
        )
