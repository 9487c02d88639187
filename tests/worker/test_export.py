"""Our nets as ONNX: what a box answers is what its net answers."""

from pathlib import Path

import pytest
import torch

from sdb_core.nets import Architecture
from worker.child.export import export


@pytest.mark.parametrize(("name", "shape"), [("sdb:cnn", (1, 8, 8)), ("sdb:resnetc8", (3, 20, 28))])
def test_the_papers_cheap_nets_export_at_sizes_of_their_own(
    name: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    net = Architecture(name, 5, *shape).build()
    net(torch.randn(8, *shape))  # one training step's forward: statistics that are not those of the start
    assert export(net, Architecture(name, 5, *shape), tmp_path / "net.onnx") < 1e-5
