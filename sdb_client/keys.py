"""The key in the customer's hands: kappa, and how it is blended into inputs (Eq. 5, arXiv 2112.03695)."""

import hashlib
import json
import math
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sdb_client.errors import KeyShapeMismatch, KeyUnreadable

FORMAT = "sdb-key/1"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Key:
    """The secret of one box.

    `kappa` is float32 [C, H, W] in normalised input space, `lam` the input's share lambda in (0, 1), `mean` and `std`
    the normalisation of pixels in [0, 1] that kappa lives in. `repr` hides kappa.
    """

    kappa: Floats = field(repr=False)
    lam: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    box_id: str

    def normalise(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        """Pixels uint8 [N, H, W, C] as normalised inputs float32 [N, C, H, W], just as the service does it.

        Raises:
            KeyShapeMismatch: the pixels are of another type or size than the box's images.
        """
        channels, height, width = self.kappa.shape
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (height, width, channels):
            raise KeyShapeMismatch(
                f"The key is for pixels uint8 (N, {height}, {width}, {channels}), these are {pixels.dtype} "
                f"{pixels.shape}; resize or convert them."
            )
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        scaled = (pixels.astype(np.float32) / np.float32(255) - mean) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    def embed(self, x: Floats) -> Floats:
        """Eq. 5: x~ = lambda x + (1 - lambda) kappa, for normalised inputs x [N, C, H, W] or one [C, H, W].

        Raises:
            KeyShapeMismatch: x has another shape than the key.
        """
        if x.ndim not in (3, 4) or x.shape[-3:] != self.kappa.shape:
            raise KeyShapeMismatch(
                f"The key is for inputs of shape {self.kappa.shape}, these are {x.shape}; use this box's own key."
            )
        lam = np.float32(self.lam)
        blended: Floats = lam * x.astype(np.float32, copy=False) + (np.float32(1) - lam) * self.kappa
        return blended

    def save(self, file: Path | str) -> Path:
        """Write the key file, readable by its owner alone (mode 0600), whole or not at all."""
        file = Path(file)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mkstemp makes mode 0600
        with os.fdopen(handle, "wb") as opened:
            opened.write(self.to_bytes())
        return Path(name).replace(file)

    @classmethod
    def load(cls, file: Path | str) -> "Key":
        """Read a key file. Raises KeyUnreadable where it is damaged or no key."""
        return cls.from_bytes(Path(file).read_bytes())

    def to_bytes(self) -> bytes:
        """The key file: safetensors with `kappa`, and in its metadata all that readers need."""
        kappa = np.ascontiguousarray(self.kappa, dtype="<f4")
        metadata = {
            "format": FORMAT,
            "lambda": repr(self.lam),
            "mean": json.dumps(self.mean),
            "std": json.dumps(self.std),
            "shape": json.dumps(kappa.shape),
            "box_id": self.box_id,
            "sha256": hashlib.sha256(kappa.tobytes()).hexdigest(),
        }
        return save({"kappa": kappa}, metadata=metadata)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Key":
        """The key in the bytes of a key file.

        Raises:
            KeyUnreadable: they are damaged (the SHA-256 over kappa does not fit) or no key file.
        """
        try:
            metadata = _metadata(content)
            kappa = load(content)["kappa"]
            key = cls(
                kappa=kappa,
                lam=float(metadata["lambda"]),
                mean=tuple(float(value) for value in json.loads(metadata["mean"])),
                std=tuple(float(value) for value in json.loads(metadata["std"])),
                box_id=metadata.get("box_id", ""),
            )
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise KeyUnreadable("This is no key file; fetch the key again.") from error
        if metadata.get("sha256") != hashlib.sha256(kappa.tobytes()).hexdigest():
            raise KeyUnreadable("The key does not match its own SHA-256: it was damaged; fetch it again.")
        _require_sound(key, metadata)
        return key


def _metadata(content: bytes) -> dict[str, Any]:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 + length:
        raise ValueError("shorter than its own header")
    metadata: dict[str, Any] = json.loads(content[8 : 8 + length])["__metadata__"]
    return metadata


def _require_sound(key: Key, metadata: dict[str, Any]) -> None:
    if metadata.get("format") != FORMAT:
        raise KeyUnreadable(f"The file is not of the format {FORMAT}; update sdb_client, or fetch the key again.")
    channels = key.kappa.shape[0] if key.kappa.ndim == 3 else 0
    if key.kappa.dtype != np.float32 or channels != len(key.mean) or channels != len(key.std):
        raise KeyUnreadable("The key's shape and its normalisation do not fit; fetch it again.")
    if not (math.isfinite(key.lam) and 0 < key.lam < 1 and min(key.std) > 0 and np.isfinite(key.kappa).all()):
        raise KeyUnreadable("The key holds numbers that cannot be; fetch it again.")
