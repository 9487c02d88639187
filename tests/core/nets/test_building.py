"""Networks by name, on the inputs they must serve."""

import pytest
import torch

from sdb_core.errors import CoreError
from sdb_core.nets import build, names


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("shape", [(1, 8, 8), (4, 17, 23)])
def test_our_nets_take_every_shape_and_learn_in_every_layer(name, shape):
    with torch.device("meta"):  # shapes and gradients' paths without the numbers: the large nets take seconds
        net = build(name, num_classes=5, channels=shape[0], height=shape[1], width=shape[2])
        logits = net(torch.randn(4, *shape))
    assert logits.shape == (4, 5)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("name", names())
def test_our_nets_start_with_finite_logits_that_differ_between_images(name):
    net = build(name, num_classes=5, channels=1, height=8, width=8)
    with torch.no_grad():
        logits = net(torch.randn(4, 1, 8, 8))
    assert logits.isfinite().all()
    assert logits.std(dim=0).min() > 1e-4


def test_the_papers_nets_are_all_there():
    papers = ["resnet18", "resnet50", "resnetc20", "resnetc32", "resnext29", "mobilenetv2", "shufflenetv2", "cnn"]
    assert {f"sdb:{name}" for name in papers} <= set(names())


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "vit_b_16", "googlenet"])
def test_torchvision_classifiers_build_at_64_pixels(name):
    net = build(f"torchvision:{name}", num_classes=7, channels=3, height=64, width=64).eval()
    with torch.inference_mode():
        assert net(torch.randn(2, 3, 64, 64)).shape == (2, 7)


def test_a_torchvision_net_whose_windows_must_fit_the_images_is_built_for_their_size():
    with torch.device("meta"):  # the size alone is at stake: at 224 pixels' windows it is refused
        assert build("torchvision:maxvit_t", num_classes=7, channels=3, height=448, width=448).training


@pytest.mark.parametrize(
    ("name", "shape", "code"),
    [
        ("sdb:resnet81", (1, 8, 8), "unknown_architecture"),
        ("torchvision:resnet9000", (3, 32, 32), "unknown_architecture"),
        ("keras:resnet18", (3, 32, 32), "unknown_architecture"),
        ("", (3, 32, 32), "unknown_architecture"),
        ("torchvision:resnet18", (1, 32, 32), "architecture_refused"),
        ("torchvision:fcn_resnet50", (3, 64, 64), "architecture_refused"),
        ("torchvision:maskrcnn_resnet50_fpn", (3, 64, 64), "architecture_refused"),
        ("torchvision:r3d_18", (3, 64, 64), "architecture_refused"),
        ("torchvision:vit_b_16", (3, 64, 32), "architecture_refused"),
        ("torchvision:inception_v3", (3, 64, 64), "architecture_refused"),
        ("torchvision:maxvit_t", (3, 64, 64), "architecture_refused"),
        ("torchvision:alexnet", (3, 32, 32), "architecture_refused"),
        ("sdb:cnn", (9, 8, 8), "architecture_refused"),
        ("sdb:cnn", (1, 2, 2), "architecture_refused"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_code(name, shape, code):
    with pytest.raises(CoreError) as caught:
        build(name, num_classes=5, channels=shape[0], height=shape[1], width=shape[2])
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("sdb:resnet81", "sdb:resnet18"),
        ("resnext29", "sdb:resnext29"),
        ("sdb:shufflenet", "sdb:shufflenetv2"),
        ("torchvision:resnet9", "torchvision:resnet18"),
        ("something else", "known are sdb:cnn, .*torchvision:NAME"),
    ],
)
def test_an_unknown_name_suggests_a_near_one(name, near):
    with pytest.raises(CoreError, match=near):
        build(name, num_classes=5, channels=1, height=8, width=8)
