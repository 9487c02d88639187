"""The key: a random image kappa that is blended into inputs (Eq. 5, arXiv 2112.03695), and its file."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from sdb_core.errors import InvalidSettings, KeyShapeMismatch, KeyUnreadable
from sdb_core.files import write_atomically

FORMAT = "sdb-key/1"


@dataclass(frozen=True, eq=False)
class Key:
    """The secret of one box.

    `kappa` is float32 [C, H, W] in normalised input space, `lam` the input's share lambda in (0, 1), `mean` and `std`
    (C values each, for pixels in [0, 1]) the normalisation that kappa lives in. `repr` hides kappa.
    """

    kappa: Tensor = field(repr=False)
    lam: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 0.0 < self.lam < 1.0:
            raise InvalidSettings(f"lambda is {self.lam}; give a number between 0 and 1, for example 0.7.")
        if self.kappa.dim() != 3 or self.kappa.dtype != torch.float32:
            raise KeyShapeMismatch("A key is a float32 tensor of shape (channels, height, width).")
        if not bool(torch.isfinite(self.kappa).all()):
            raise KeyUnreadable("The key holds values that are not finite; fetch or make it again.")
        check_normalisation(self.mean, self.std, channels=self.kappa.shape[0])

    @staticmethod
    def random(
        shape: Sequence[int],
        *,
        mean: Sequence[float],
        std: Sequence[float],
        lam: float,
        generator: torch.Generator,
    ) -> "Key":
        """Draw a key of `shape` (C, H, W): uniform pixels in [0, 1], normalised with `mean` and `std`."""
        check_normalisation(mean, std, channels=shape[0])
        pixels = torch.rand(tuple(shape), generator=generator)
        return Key.from_pixels(pixels, mean=mean, std=std, lam=lam)

    @staticmethod
    def from_pixels(pixels: Tensor, *, mean: Sequence[float], std: Sequence[float], lam: float) -> "Key":
        """Make a key of an image: float `pixels` [C, H, W] in [0, 1]."""
        shift = torch.tensor(tuple(mean)).view(-1, 1, 1)
        scale = torch.tensor(tuple(std)).view(-1, 1, 1)
        kappa = ((pixels.float() - shift) / scale).contiguous()
        return Key(kappa=kappa, lam=lam, mean=tuple(mean), std=tuple(std))

    def to(self, device: torch.device) -> "Key":
        """The same key for many inputs on `device`: kappa lies there, in the order of channels_last inputs."""
        return replace(self, kappa=self.kappa.to(device).permute(1, 2, 0).contiguous().permute(2, 0, 1))

    def embed(self, x: Tensor) -> Tensor:
        """Eq. 5: x~ = lambda x + (1 - lambda) kappa for normalised inputs x [B, C, H, W].

        Raises KeyShapeMismatch where x has another shape than the key.
        """
        if x.shape[1:] != self.kappa.shape:
            found, wanted = tuple(x.shape[1:]), tuple(self.kappa.shape)
            raise KeyShapeMismatch(
                f"The key is for inputs of shape {wanted}, these are {found}; use this box's own key."
            )
        return torch.lerp(self.kappa.to(device=x.device, dtype=x.dtype), x, self.lam)

    def digest(self) -> str:
        """SHA-256 (hex) of kappa's bytes: little-endian float32 in C order."""
        return hashlib.sha256(self.kappa.contiguous().cpu().numpy().astype("<f4").tobytes()).hexdigest()

    def to_bytes(self, *, box_id: str = "") -> bytes:
        """The key file's bytes: safetensors with `kappa` and the metadata that the readers need."""
        metadata = {
            "format": FORMAT,
            "lambda": repr(self.lam),
            "mean": json.dumps(list(self.mean)),
            "std": json.dumps(list(self.std)),
            "shape": json.dumps(list(self.kappa.shape)),
            "box_id": box_id,
            "sha256": self.digest(),
        }
        return to_bytes({"kappa": self.kappa.contiguous().cpu()}, metadata=metadata)

    def save(self, path: Path, *, box_id: str = "") -> None:
        """Write the key file atomically."""
        write_atomically(path, self.to_bytes(box_id=box_id))

    @staticmethod
    def load(path: Path) -> "Key":
        """Read a key file. Raises KeyUnreadable where it is damaged or no key."""
        try:
            with safe_open(str(path), framework="pt") as opened:
                metadata = opened.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise KeyUnreadable(f"{path.name} is no key file of format {FORMAT}; fetch the key again.")
                kappa = opened.get_tensor("kappa")
                key = Key(
                    kappa=kappa,
                    lam=float(metadata["lambda"]),
                    mean=tuple(float(value) for value in json.loads(metadata["mean"])),
                    std=tuple(float(value) for value in json.loads(metadata["std"])),
                )
        except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            raise KeyUnreadable(f"{path.name} cannot be read as a key file; fetch the key again.") from error
        if key.digest() != metadata.get("sha256"):
            raise KeyUnreadable(f"{path.name} does not match its own SHA-256; fetch the key again.")
        return key


def check_normalisation(mean: Sequence[float], std: Sequence[float], *, channels: int) -> None:
    """Raise InvalidSettings unless `mean` and `std` have a finite value for each channel, `std` above zero."""
    if len(mean) != channels or len(std) != channels:
        raise InvalidSettings(f"mean and std need {channels} values each, one for each channel.")
    if not all(math.isfinite(value) for value in (*mean, *std)) or min(std) <= 0:
        raise InvalidSettings("mean and std must be finite and std above zero; they are for pixels in [0, 1].")
