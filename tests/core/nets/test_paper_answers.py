"""The papers' nets compute what the authors' classes compute, not only with tensors of the same names.

The numbers were computed by the classes that `test_paper_weights.py` names, their state filled by `filled`, their input
`images`: the first two logits of the first image and the first of the second, in training and then in eval mode.
"""

import pytest
import torch
from torch import Tensor, nn

from sdb_core.nets import build

AUTHORS = {
    "sdb:cnn": ([-1.4811, -0.5149, 1.2850], [1.3125, -0.3754, 4.2365]),
    "sdb:mobilenetv2": ([-0.3794, 0.1564, -0.3529], [6.1015, 1.3625, 6.9247]),
    "sdb:resnet18": ([-2.7716, -0.4479, -3.1913], [-0.5069, -1.0617, -2.4392]),
    "sdb:resnet50": ([-9.4393, 0.6029, -11.8755], [-114.8204, 0.4462, -231.4159]),
    "sdb:resnetc8": ([0.0545, 0.1540, -0.1258], [0.5128, 0.1226, 0.2662]),
    "sdb:resnetc20": ([-0.1678, 0.0176, -0.2113], [0.3205, 2.4716, 0.5807]),
    "sdb:resnetc32": ([-0.0220, 0.1264, -0.0296], [2.2113, 3.4845, 9.6968]),
    "sdb:resnext29": ([-6.4711, -0.1677, -8.4827], [-19.9470, 6.0724, -38.7816]),
    "sdb:shufflenetv2": ([-0.5143, -0.0156, -0.2985], [240.4755, 18.1748, 699.2454]),
}


@pytest.mark.parametrize("name", AUTHORS)
def test_the_answers_are_the_authors_in_both_modes(name):
    net = filled(build(name, num_classes=10, channels=3, height=32, width=32))
    with torch.no_grad():
        found = [net.train(mode)(images()) for mode in (True, False)]
    for logits, wanted in zip(found, AUTHORS[name], strict=True):
        assert [*logits[0, :2].tolist(), float(logits[1, 0])] == pytest.approx(wanted, rel=2e-3, abs=2e-3)


def images() -> Tensor:
    """Waves of a rising frequency, [2, 3, 32, 32]."""
    places = torch.arange(2 * 3 * 32 * 32, dtype=torch.float64)
    return (2 * torch.sin(0.37 * places + 1e-4 * places**2)).float().view(2, 3, 32, 32)


def filled(net: nn.Module) -> nn.Module:
    """The net with waves for weights, other ones in each tensor, of the size that keeps its maps in bounds."""
    for number, (name, tensor) in enumerate(net.state_dict().items()):
        if tensor.is_floating_point():
            places = torch.arange(tensor.numel(), dtype=torch.float64)
            waves = torch.sin(1.7 * places + 1e-3 * (places % 1009) ** 2 + number).view(tensor.shape)
            tensor.copy_(_scaled(name, waves))
    return net


def _scaled(name: str, waves: Tensor) -> Tensor:
    if waves.dim() > 1:
        return waves * (4 / waves[0].numel()) ** 0.5
    if name.endswith(("bias", "running_mean")):
        return 0.1 * waves
    return 1 + (0.5 if name.endswith("running_var") else 0.2) * waves
