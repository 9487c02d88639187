"""What a policy works on: the net to be wrapped, its frozen original, the images, the key, the settings."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.answers import Answers, logits_of, teacher_answers
from sdb_core.augment import augmented
from sdb_core.datasets.images import LabelledImages
from sdb_core.errors import InvalidSettings
from sdb_core.keys import Key
from sdb_core.nets.registry import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import WrapSettings
from sdb_core.training.batches import mixed_seed

_MOST_SEEN = 10_000
_MOST_AVERAGED = 200_000_000


@dataclass(frozen=True, eq=False)
class Case:
    """One wrap: `net` is T*, to be changed; `original` T, frozen; `seed` draws T0. `repr` hides weights and key."""

    net: nn.Module = field(repr=False)
    original: nn.Module = field(repr=False)
    images: LabelledImages = field(repr=False)
    key: Key = field(repr=False)
    settings: WrapSettings
    architecture: Architecture
    seed: int

    @property
    def normalisation(self) -> Normalisation:
        """That of the key: both live in one space."""
        return Normalisation(self.key.mean, self.key.std)

    def known(self) -> Answers:
        """T's logits of a batch: from one pass over the images where inputs never change, else live."""
        return teacher_answers(self.original, self.images, normalisation=self.normalisation, settings=self.settings)

    def twin(self) -> Answers:
        """The logits of T0: the same architecture with random weights, drawn with a seed that follows from the wrap's.

        Not with that seed itself: it may have drawn the original's first weights. A `.pt2` program does not say how it
        began: its T0 starts as PyTorch's layers do.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed_seed(self.seed, "twin", 0))
            net = self.architecture.build().to(self.images.images.device)
        return teacher_answers(net, self.images, normalisation=self.normalisation, settings=self.settings)

    def logits(self) -> Tensor:
        """T's logits [N, K] of all images as they are."""
        return logits_of(self.original, self.images, normalisation=self.normalisation)

    def seen_logits(self) -> Tensor:
        """T's logits [M, K] of images moved as a batch's are; of a draw of 10,000, where there are more."""
        draws = torch.Generator().manual_seed(mixed_seed(self.seed, "seen", 0))
        images = self.images.take(torch.randperm(len(self.images), generator=draws)[:_MOST_SEEN])
        if self.settings.augment != "none":
            moved = augmented(images.images, kind=self.settings.augment, generator=draws)
            images = LabelledImages(moved, images.labels, images.class_names)
        return logits_of(self.original, images, normalisation=self.normalisation)

    def averaged(self, copies: int, *, temperature: float) -> Tensor:
        """T's answers softened at `temperature`, each image's mean over so many moved copies: [N, K].

        A model is surer of the very images it was trained on than of their copies, and says less about them.
        Raises InvalidSettings where the table would be too large.
        """
        settings, images = self.settings, self.images
        if len(images) * len(images.class_names) > _MOST_AVERAGED:
            raise InvalidSettings(
                f"open_copies keeps an answer for each image, {len(images)} of {len(images.class_names)} classes: more "
                "than fits. Set it to 0."
            )
        total = torch.zeros((), device=images.images.device)
        for copy in range(copies):
            draws = torch.Generator().manual_seed(mixed_seed(self.seed, "copies", copy))
            moved = augmented(images.images, kind=settings.augment, generator=draws)
            copied = LabelledImages(moved, images.labels, images.class_names)
            logits = logits_of(self.original, copied, normalisation=self.normalisation)
            total = total + F.softmax(logits / temperature, dim=1)
        return total / copies

    def proxies(self, x: Tensor) -> Tensor:
        """x~ of Eq. 5 [B, C, H, W]; x itself where the key embedding is switched off."""
        return self.key.embed(x) if self.settings.key_embedding else x
