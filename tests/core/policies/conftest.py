"""A policy's loss on one batch, with a net that is not its original."""

import copy

import pytest
import torch

from sdb_core.policies import OBJECTIVES, Case
from sdb_core.settings import WrapSettings
from sdb_core.training import Batch


@pytest.fixture
def batch(splits, normalisation) -> Batch:
    index = torch.arange(12)
    x, labels = normalisation(splits.train.images[index]), splits.train.labels[index]
    return Batch(index=index, x=x, labels=labels, generator=torch.Generator().manual_seed(4))


@pytest.fixture
def parts(splits, key, architecture, batch):
    """The parts of a policy's loss on one batch, with a net that is not its original."""
    torch.manual_seed(0)
    original, net = architecture.build().eval(), architecture.build().eval()

    def found(policy, **values):
        settings = WrapSettings.for_policy(policy, values)
        case = Case(
            net=copy.deepcopy(net),
            original=original,
            images=splits.train,
            key=key,
            settings=settings,
            architecture=architecture,
            seed=5,
        )
        answers = {"closed": net(batch.x), "open": net(key.embed(batch.x)), "original": original(batch.x)}
        return OBJECTIVES[policy](case)(batch), answers

    return found
