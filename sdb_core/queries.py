"""The images that attackers ask a box about, by name; all of the model's shape, as many as there are to train on."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sdb_core.augment import augmented
from sdb_core.datasets.images import LabelledImages, stratified_split
from sdb_core.errors import DatasetUnreadable

_LEAVES = 16
_CHUNK = 1024
_WITHOUT_PHOTOGRAPHS = (
    "Its photographs come with scikit-learn, which is not installed here; install it (pip install scikit-learn)."
)


@dataclass(frozen=True)
class ImageSet:
    """How a set is made of the training images (and a seed), and what it is, in words about `{count:,}` images.

    What is not made of the training images takes only their number and shape, and has no labels. `missing` says why
    this machine cannot make the set, and the cure; it is empty where it can.
    """

    words: str
    make: Callable[[LabelledImages, int], LabelledImages]
    missing: Callable[[], str] = lambda: ""


def without_labels(images: LabelledImages) -> LabelledImages:
    """The same images with every label 0: for whoever has no ground truth."""
    return LabelledImages(images.images, torch.zeros_like(images.labels), images.class_names)


def crops(pictures: list[Tensor], *, count: int, shape: tuple[int, int, int], seed: int) -> Tensor:
    """Random crops uint8 [count, C, H, W] of float pictures [3, H', W'] in [0, 1]: scaled, flipped, recoloured.

    Queries of natural origin with nothing of the task in them (Asano & Saeed 2023, arXiv 2112.00725).
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.cat([_crop(pictures, shape=shape, generator=generator) for _ in range(count)])


def dead_leaves(*, count: int, shape: tuple[int, int, int], seed: int) -> Tensor:
    """Drawn images uint8 [count, C, H, W]: ellipses and bars of random sizes and colours over one another.

    The dead-leaves model (Lee et al. 2001; as training images: Baradad et al. 2021, arXiv 2106.05963).
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = [_leaves(min(_CHUNK, count - start), shape, generator) for start in range(0, count, _CHUNK)]
    return torch.cat(drawn)


def _all(train: LabelledImages, seed: int) -> LabelledImages:  # noqa: ARG001 - one shape for all sets
    return train


def _half(train: LabelledImages, seed: int) -> LabelledImages:
    return stratified_split(train, share=0.5, seed=seed)[0]


def _shifted(train: LabelledImages, seed: int) -> LabelledImages:
    generator = torch.Generator().manual_seed(seed)
    return LabelledImages(augmented(train.images, kind="shift", generator=generator), train.labels, train.class_names)


def _photographs(train: LabelledImages, seed: int) -> LabelledImages:
    return _like(train, crops(_pictures(), count=len(train), shape=_shape(train), seed=seed))


def _pictures() -> list[Tensor]:
    """scikit-learn's two sample photographs, float [3, H, W] in [0, 1]. An extra, loaded for those who ask for it."""
    try:
        samples = importlib.import_module("sklearn.datasets").load_sample_images()
    except ImportError as error:
        raise DatasetUnreadable(_WITHOUT_PHOTOGRAPHS) from error
    return [torch.tensor(picture).permute(2, 0, 1).float() / 255.0 for picture in samples.images]


def _no_pictures() -> str:
    return _WITHOUT_PHOTOGRAPHS if importlib.util.find_spec("sklearn") is None else ""


def _drawings(train: LabelledImages, seed: int) -> LabelledImages:
    return _like(train, dead_leaves(count=len(train), shape=_shape(train), seed=seed))


def _like(train: LabelledImages, images: Tensor) -> LabelledImages:
    images = images.to(train.images.device)
    return LabelledImages(images, torch.zeros_like(train.labels), train.class_names)


def _shape(train: LabelledImages) -> tuple[int, int, int]:
    channels, height, width = train.images.shape[1:]
    return int(channels), int(height), int(width)


def _crop(pictures: list[Tensor], *, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    channels, height, width = shape
    draw = torch.rand(8, generator=generator).tolist()
    picture = pictures[int(draw[0] * len(pictures))]
    side = min(picture.shape[1:])
    tall = max(int(side * 10 ** -draw[1]), 4)  # from a tenth of the picture up, small ones as often as large
    wide = max(min(int(tall * width / height), picture.shape[2]), 4)
    top, left = int(draw[2] * (picture.shape[1] - tall)), int(draw[3] * (picture.shape[2] - wide))
    part: Tensor = picture[None, :, top : top + tall, left : left + wide]
    part = F.interpolate(part, size=(height, width), mode="bilinear", antialias=True, align_corners=False)
    if channels != picture.shape[0]:
        part = part.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
    part = part.flip(3) if draw[4] < 0.5 else part
    part = 1.0 - part if draw[5] < 0.25 else part
    part = (part - part.mean()) * (0.5 + 1.5 * draw[6]) + draw[7]
    return _stored(part)


def _leaves(count: int, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    channels, height, width = shape
    rows = torch.linspace(-1, 1, height).view(1, -1, 1)
    columns = torch.linspace(-1, 1, width).view(1, 1, -1)
    image = torch.rand((count, channels, 1, 1), generator=generator).expand(-1, -1, height, width).clone()
    for _ in range(_LEAVES):
        draw = torch.rand((count, 6), generator=generator).view(count, 6, 1, 1).unbind(dim=1)  # six of [count, 1, 1]
        y, x, turn = 2 * draw[0] - 1, 2 * draw[1] - 1, torch.pi * draw[2]
        along = (rows - y) * turn.sin() + (columns - x) * turn.cos()  # [count, H, W]
        across = (rows - y) * turn.cos() - (columns - x) * turn.sin()
        long, thin = 0.1 * 10 ** draw[3], 0.1 * 10 ** (0.7 * draw[4])
        ellipse = (along / long) ** 2 + (across / thin) ** 2 < 1
        bar = (along.abs() < long) & (across.abs() < thin)
        leaf = torch.where(draw[5] < 0.5, ellipse, bar).unsqueeze(1)  # [count, 1, H, W]
        colour = torch.rand((count, channels, 1, 1), generator=generator)
        image = torch.where(leaf, colour, image)
    noise = 0.05 * torch.randn(image.shape, generator=generator)
    return _stored(image + noise)


def _stored(pixels: Tensor) -> Tensor:
    """Float pixels in [0, 1] as they are stored."""
    return pixels.clamp(0.0, 1.0).mul(255.0).round().to(torch.uint8)


IMAGE_SETS = {
    "train": ImageSet("all {count:,} training images", _all),
    "half": ImageSet("{count:,} training images, a random half of each class", _half),
    "shifted": ImageSet("{count:,} training images, each shifted by chance", _shifted),
    "photographs": ImageSet(
        "{count:,} crops of two photographs of other things, none of the task's images", _photographs, _no_pictures
    ),
    "drawings": ImageSet("no data: {count:,} images drawn by chance (dead leaves)", _drawings),
}
