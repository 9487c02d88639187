"""Nets of torchvision and timm are wrapped like ours: one of three learns and drops, the two teachers never do."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from sdb_core.answers import logits_of
from sdb_core.checkpoints import load_weights, save_weights
from sdb_core.datasets import LabelledImages
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import WrapSettings
from sdb_core.training import Run
from sdb_core.wrapping import wrap

SIDE = 48
SCALE = Normalisation.of([0.5] * 3, [0.25] * 3)
NETS = ["torchvision:mobilenet_v3_small", "timm:test_resnet", "timm:test_vit"]


@pytest.fixture(scope="module", params=NETS)
def made(request):
    """A wrap by `sdb`: architecture, images, original, its state before, box, and who was in which mode."""
    if request.param.startswith("timm:"):
        pytest.importorskip(
            "timm", reason="timm is NOT INSTALLED, so wrapping its nets goes untested: pip install timm"
        )
    architecture = Architecture(request.param, 3, 3, SIDE, SIDE)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 255, (24, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    images = LabelledImages(pixels, torch.arange(24) % 3, ("a", "b", "c"))
    key = Key.random((3, SIDE, SIDE), mean=SCALE.mean, std=SCALE.std, lam=0.5, generator=generator)
    torch.manual_seed(1)
    original = architecture.build()
    before = copy.deepcopy(original.state_dict())
    values = {"epochs": 2, "batch_size": 8, "lr": 1e-4, "augment": "shift-flip", "omega": 0.0}
    settings = WrapSettings.for_policy("sdb", values)
    modes: dict[int, set[bool]] = {}

    def note(net: nn.Module, _inputs: object, _answer: object) -> None:
        if type(net) is type(original):
            modes.setdefault(id(net), set()).add(net.training)

    hook = register_module_forward_hook(note)
    run = Run("wrap", 0)
    box = wrap(original, images, key, policy="sdb", settings=settings, architecture=architecture, run=run).net
    hook.remove()
    return architecture, images, original, before, box, modes


def test_the_teachers_answer_in_eval_mode_and_the_box_learns_in_training_mode(made):
    _, _, original, _, box, modes = made
    assert modes.pop(id(original)) == {False}
    assert modes.pop(id(box)) == {True, False}  # False: when it is judged at the end
    assert list(modes.values()) == [{False}], "the random twin"


def test_the_original_stays_and_all_of_the_box_has_moved(made):
    _, _, original, before, box, _ = made
    assert all(torch.equal(tensor, before[name]) for name, tensor in original.state_dict().items())
    names = [name for name, _ in box.named_parameters()] + [name for name in before if "running" in name]
    still = [name for name in names if torch.equal(box.state_dict()[name], before[name])]
    assert not still


def test_a_box_in_use_answers_alike_each_time_and_from_its_file(made, tmp_path):
    architecture, images, _, _, box, _ = made
    assert not box.training
    first = logits_of(box, images, normalisation=SCALE)
    assert torch.equal(first, logits_of(box, images, normalisation=SCALE))
    save_weights(box, tmp_path / "box.safetensors")
    again = architecture.build()
    load_weights(tmp_path / "box.safetensors", again)
    assert torch.equal(first, logits_of(again, images, normalisation=SCALE))


def test_dropout_drops_in_training_alone(made):
    box, images = copy.deepcopy(made[4]), made[1]
    x = SCALE(images.images[:4])
    dropping = [layer for layer in box.modules() if isinstance(layer, nn.Dropout) and layer.p > 0]
    with torch.no_grad():
        for layer in box.modules():
            layer.train(layer in dropping)
        assert bool(dropping) != torch.equal(box(x), box(x))
        assert torch.equal(box.eval()(x), box(x))
