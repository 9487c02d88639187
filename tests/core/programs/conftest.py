"""One small program for many tests: an export takes a second."""

import pytest
import torch
from torch import nn

from tests.core.programs.making import Tiny, program_bytes, used


@pytest.fixture(scope="session")
def tiny() -> nn.Module:
    """A provider's net in eval mode; tests that change it copy it."""
    torch.manual_seed(0)
    return used(Tiny())


@pytest.fixture(scope="session")
def tiny_bytes(tiny: nn.Module) -> bytes:
    """The same as a provider uploads it."""
    return program_bytes(tiny)
