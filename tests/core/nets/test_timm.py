"""`timm:NAME`, with timm and without."""

import sys

import pytest
import torch

from sdb_core.errors import ArchitectureRefused, ArchitectureUnavailable, UnknownArchitecture
from sdb_core.nets import build


@pytest.fixture
def _timm():
    pytest.importorskip("timm", reason="timm is NOT INSTALLED, so timm:NAME goes untested: pip install timm")


@pytest.mark.usefixtures("_timm")
@pytest.mark.parametrize(("name", "shape"), [("test_resnet", (1, 32, 32)), ("test_vit", (3, 48, 32))])
def test_a_timm_net_is_built_for_the_channels_classes_and_size_asked_for(name, shape):
    net = build(f"timm:{name}", num_classes=5, channels=shape[0], height=shape[1], width=shape[2])
    assert net.training
    logits = net(torch.randn(4, *shape))
    assert logits.shape == (4, 5)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.usefixtures("_timm")
def test_a_timm_name_that_is_none_suggests_a_near_one():
    with pytest.raises(UnknownArchitecture, match="timm:resnet18"):
        build("timm:resnet81", num_classes=5, channels=3, height=32, width=32)


@pytest.mark.usefixtures("_timm")
@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18.a1_in1k", "local-dir:/tmp", "resnet18.a1_in1k"])
def test_no_name_reaches_for_weights_or_files(name):
    with pytest.raises(UnknownArchitecture):
        build(f"timm:{name}", num_classes=5, channels=3, height=32, width=32)


@pytest.mark.usefixtures("_timm")
@pytest.mark.parametrize("name", ["test_vit", "test_convnext"])
def test_a_timm_net_that_cannot_read_so_small_an_image_says_so(name):
    with pytest.raises(ArchitectureRefused, match=r"3x8x8.*upload larger images"):
        build(f"timm:{name}", num_classes=5, channels=3, height=8, width=8)


def test_without_timm_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ArchitectureUnavailable, match="pip install timm"):
        build("timm:resnet18", num_classes=5, channels=3, height=32, width=32)
