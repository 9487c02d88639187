"""Networks that no box can be made of: each refused with its code, before any work, with the cure."""

import pytest
import torch
from torch import nn

from sdb_core.errors import CoreError
from sdb_core.nets import Architecture
from tests.core.programs.making import SHAPE, Tiny, exported, opened


class Plain(nn.Module):
    """A linear net whose forward a test gives."""

    def __init__(self, act=lambda net, x: net.head(x.flatten(1)), classes: int = 3) -> None:
        super().__init__()
        self.head, self.act = nn.Linear(64, classes), act

    def forward(self, x):
        return self.act(self, x)


class Two(Plain):
    def forward(self, x, other):
        return self.head((x + other).flatten(1))


def without_gradients(net, x):
    with torch.no_grad():
        x = torch.relu(x)
    return net.head(x.flatten(1))


def counted(net, x):
    net.seen.add_(1)
    return net.head(x.flatten(1)) * net.seen


def counting() -> Plain:
    net = Plain(counted)
    net.register_buffer("seen", torch.ones(()))
    return net


def not_finite() -> Plain:
    net = Plain()
    nn.init.constant_(net.head.bias, float("nan"))
    return net


class Cumulative(Plain):
    """It uses how many batches its batch norm has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(64)

    def forward(self, x):
        x, count = x.flatten(1), self.norm.num_batches_tracked
        return self.head(self.norm(x)) * count


IMAGES = torch.zeros(2, *SHAPE)
PROGRAMS = {
    "a fixed batch": (lambda: exported(Plain(), fixed=True), "architecture_refused", "dynamic batch"),
    "two inputs": (lambda: exported(Two(), IMAGES, IMAGES), "architecture_refused", "2 inputs"),
    "two answers": (
        lambda: exported(Plain(lambda net, x: (net.head(x.flatten(1)), x.mean()))),
        "architecture_refused",
        "answers 2 tensors",
    ),
    "other images": (lambda: exported(Plain(), torch.zeros(2, 4, 4, 4)), "architecture_refused", "4x4x4"),
    "other classes": (lambda: exported(Plain(classes=7)), "num_classes_mismatch", "7 classes"),
    "no logits": (lambda: exported(Plain(lambda net, x: x + 1)), "architecture_refused", "4 dimensions"),
    "probabilities": (
        lambda: exported(Plain(lambda net, x: net.head(x.flatten(1)).softmax(1))),
        "architecture_refused",
        "softmax",
    ),
    "half precision": (lambda: exported(Plain().double(), IMAGES.double()), "architecture_refused", "float32"),
    "double weights": (
        lambda: exported(Plain(lambda net, x: net.head(x.double().flatten(1)).float()).double()),
        "weights_dtype",
        "net.float",
    ),
    "not finite": (lambda: exported(not_finite()), "weights_not_finite", "head.bias"),
    "nothing to learn": (
        lambda: exported(Plain(lambda net, x: x.flatten(1)[:, :3] * 2)),
        "architecture_refused",
        "No weight",
    ),
    "images that see each other": (
        lambda: exported(Plain(lambda net, x: net.head((x - x.mean(0)).flatten(1)))),
        "architecture_refused",
        "other images",
    ),
    "chance": (
        lambda: exported(Plain(lambda net, x: net.head((x + torch.rand_like(x)).flatten(1)))),
        "architecture_refused",
        "random",
    ),
    "a state that moves": (lambda: exported(counting()), "architecture_refused", "own state"),
    "a written input": (
        lambda: exported(Plain(lambda net, x: net.head(x.mul_(2).flatten(1)))),
        "architecture_refused",
        "writes into its input",
    ),
    "a block of its own": (lambda: exported(Plain(without_gradients)), "architecture_refused", "no_grad"),
    "a count that is used": (lambda: exported(Cumulative().train()), "architecture_refused", "batch norm"),
    "decomposed dropout in train mode": (
        lambda: exported(Tiny().train()).run_decompositions(),
        "architecture_refused",
        "net.eval()",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_cannot_be_wrapped_is_refused_with_the_cure(tmp_path, name):
    make, code, words = PROGRAMS[name]
    with pytest.raises(CoreError) as caught:
        opened(make(), tmp_path)
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message
    assert caught.value.message.endswith(".")


def test_a_program_is_built_for_its_own_task_alone_and_not_without_its_file(tmp_path):
    program = opened(exported(Plain()), tmp_path)
    for architecture in (Architecture("program", 4, *SHAPE, source=program), Architecture("program", 3, *SHAPE)):
        with pytest.raises(CoreError) as caught:
            architecture.build()
        assert caught.value.code == "architecture_refused"


def test_a_programs_architecture_is_compared_and_shown_without_it(tmp_path):
    program = opened(exported(Plain()), tmp_path)
    with_source, without = Architecture("program", 3, *SHAPE, source=program), Architecture("program", 3, *SHAPE)
    assert with_source == without
    assert repr(with_source) == repr(without)
    assert with_source.named("sdb:cnn-mini").build().state_dict().keys() != program.template.state_dict().keys()
    assert with_source.to_dict() == without.to_dict() | {"sha256": program.sha256}
    assert with_source.named("sdb:cnn").to_dict() == {**without.to_dict(), "name": "sdb:cnn"}
