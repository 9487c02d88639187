"""The batches of a run: order, augmentation and draws depend on the seed and the step alone, whatever the device."""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor

from sdb_core.augment import drawn_places, moved
from sdb_core.datasets.images import LabelledImages
from sdb_core.errors import DatasetTooSmall
from sdb_core.normalise import Normalisation
from sdb_core.settings import TrainingSettings
from sdb_core.training.run import Batch, Run


class Batches:
    """Cuts every step's batch into one part for each micro-batch of each process, all of one size.

    The images lie on the run's device. Raises DatasetTooSmall where a part would have fewer than two images.
    """

    def __init__(
        self, images: LabelledImages, *, normalisation: Normalisation, settings: TrainingSettings, run: Run
    ) -> None:
        self.images = images.to(run.device)
        self.normalisation, self.settings, self.run = normalisation, settings, run
        self.parts = settings.accumulate * run.team.size
        self.part_size = min(settings.batch_size, len(images)) // self.parts
        if self.part_size < 2:
            raise DatasetTooSmall(
                f"{len(images)} images in batches of {settings.batch_size} make {self.parts} parts of fewer than two "
                "images; lower accumulate or the number of processes, raise batch_size, or add images."
            )
        self.size = self.part_size * self.parts
        self.steps_per_epoch = len(images) // self.size
        self.order = torch.empty(0, dtype=torch.int64)
        self.order_epoch = -1

    def of_step(self, step: int) -> Iterator[Batch]:
        """This process's parts of the step's batch."""
        first = self.run.team.rank * self.settings.accumulate
        own = slice(first * self.part_size, (first + self.settings.accumulate) * self.part_size)
        index = self._indices(step)[own]
        x, labels = self._inputs(step, index, own), self.images.labels[index]
        cut = (torch.split(whole, self.part_size) for whole in (index, x, labels))
        for number, (part_index, part_x, part_labels) in enumerate(zip(*cut, strict=True), start=first):
            generator = torch.Generator().manual_seed(mixed_seed(self.run.seed, "draws", step * self.parts + number))
            yield Batch(index=part_index, x=part_x, labels=part_labels, generator=generator)

    def _indices(self, step: int) -> Tensor:
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self.order_epoch:
            generator = torch.Generator().manual_seed(mixed_seed(self.run.seed, "order", epoch))
            self.order = torch.randperm(len(self.images), generator=generator).to(self.run.device)
            self.order_epoch = epoch
        return self.order[position * self.size : (position + 1) * self.size]

    def _inputs(self, step: int, index: Tensor, own: slice) -> Tensor:
        pixels = self.images.images[index]
        if self.settings.augment != "none":
            generator = torch.Generator().manual_seed(mixed_seed(self.run.seed, "moves", step))
            size = tuple(pixels.shape[2:])
            places = drawn_places(self.size, size=size, kind=self.settings.augment, generator=generator)
            pixels = moved(pixels, places[own])
        return self.normalisation(pixels).contiguous(memory_format=torch.channels_last)


def generator_on(device: torch.device, generator: torch.Generator) -> torch.Generator:
    """Where to draw on `device`: from a CPU `generator` itself there, else from one on the device, seeded from it.

    A draw on the device costs no copy, which would wait for it. A GPU draws other numbers than a CPU, from each seed.
    """
    if device.type == generator.device.type:
        return generator
    seed = int(torch.randint(1 << 62, (), generator=generator))
    return torch.Generator(device=device).manual_seed(seed)


def mixed_seed(seed: int, purpose: str, number: int) -> int:
    """A seed of 63 bits for one purpose and one step of a run."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
