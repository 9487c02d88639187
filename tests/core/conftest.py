"""Small real things that the tests of the method share."""

import pytest
import torch

from sdb_core.datasets import LabelledImages, Splits
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def architecture() -> Architecture:
    return Architecture("sdb:cnn-mini", 3, 1, 8, 8)


@pytest.fixture
def normalisation() -> Normalisation:
    return Normalisation.of([0.4], [0.3])


@pytest.fixture
def splits() -> Splits:
    """Three classes of 8x8 images: a bright bar in the upper, middle or lower part, with noise."""
    return Splits(train=bars(96, seed=0), test=bars(30, seed=1))


@pytest.fixture
def key(normalisation: Normalisation) -> Key:
    generator = torch.Generator().manual_seed(7)
    return Key.random((1, 8, 8), mean=normalisation.mean, std=normalisation.std, lam=0.7, generator=generator)


def bars(count: int, *, seed: int) -> LabelledImages:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = torch.randint(0, 90, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
    for place, label in enumerate(labels.tolist()):
        images[place, :, 3 * label : 3 * label + 2] += 120
    return LabelledImages(images, labels, ("upper", "middle", "lower"))
