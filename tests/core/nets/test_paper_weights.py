"""The papers' nets hold the very tensors of the authors' code, so that checkpoints go both ways.

The numbers below were computed by instantiating the classes of github.com/JngwenYe/SDB (commit 7534210, folder `model`,
the same files as in github.com/VITA-Group/Nasty-Teacher) for 10 classes: `resnet.py` ResNet18 and ResNet50,
`preresnet.py` PreResNet of depth 8, 20 and 32, `resnext.py` CifarResNeXt(cardinality=8, depth=29), `mobilenetv2.py`
MobileNetV2, `shufflenetv2.py` shufflenetv2, `net.py` Net with num_channels 32 (Nasty-Teacher's `cnn/params.json`).
The digest is SHA-256 over the lines "NAME SHAPE" of the state dict, in its order.
"""

import hashlib

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sdb_core.checkpoints import load_weights, save_weights
from sdb_core.nets import Architecture
from sdb_core.nets.registry import parameter_count

_TABLE = """
cnn            30    357514  5e9e55e068da046fc77974d0c5a29cafb7c88cac3c7b11d3b2c8f6deb73a4680
mobilenetv2   373   2254090  f818f84890db82999f267566adbe4942ecdb6e2da30b9c92d26cce4c8dd6dbc5
resnet18      122  11173962  c23fcfd0c9544d56526ce0947d1943aba5fb3422d59009f516fe17962bea0dbf
resnet50      320  23520842  9801eec37bb9d35d06d5f38fe72405ac49e8bf47746dbd3571eed455b68cfa4b
resnetc8       46     77850  ee7ff8ed834ea2e8315711446fdf75d01ac1d416abc2742abe30aa892e04d5d2
resnetc20     118    272282  3a193660f53d4816445b3b24913a3a05985a21bdc089389acbdcc97d5c55c3d2
resnetc32     190    466714  d5cb2eab53a79fbc9dac50c6900e54bbfe6640488b9ac1a63d9722edbcafa423
resnext29     188  34426698  326c0dc5f51e2291da0e40ca4ef1ddfd3450898b2c2ebb2e225a52e98b4f80fb
shufflenetv2  394   1268646  af5137ccc4d790caf0122e671ee3d5ae071988b7fb6448bf4489cc6e99a5d864
"""  # name, tensors, parameters, digest
AUTHORS = {f"sdb:{row.split()[0]}": row.split()[1:] for row in _TABLE.strip().splitlines()}
ENDS = {
    "sdb:cnn": ("conv1.weight 32x3x3x3", "fc2.bias 10"),
    "sdb:mobilenetv2": ("pre.0.weight 32x3x1x1", "conv2.bias 10"),
    "sdb:resnet18": ("conv1.weight 64x3x3x3", "linear.bias 10"),
    "sdb:resnext29": ("conv_1_3x3.weight 64x3x3x3", "classifier.bias 10"),
    "sdb:resnetc20": ("conv1.weight 16x3x3x3", "fc.bias 10"),
}


@pytest.mark.parametrize("name", AUTHORS)
def test_names_shapes_and_order_of_the_weights_are_the_authors(name):
    tensors, parameters, digest = AUTHORS[name]
    lines, found = _described(name)
    assert (len(lines), found) == (int(tensors), int(parameters))
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == digest


@pytest.mark.parametrize("name", ENDS)
def test_the_first_and_the_last_tensor_are_the_authors(name):
    lines, _ = _described(name)
    assert (lines[0], lines[-1]) == ENDS[name]


def test_a_training_checkpoint_as_the_authors_scripts_write_it_loads(tmp_path):
    architecture = Architecture("sdb:resnetc8", 10, 3, 32, 32)
    theirs, ours = architecture.build(), architecture.build()
    optimiser = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    theirs(torch.randn(4, 3, 32, 32)).sum().backward()
    optimiser.step()
    state = {"epoch": 1, "state_dict": theirs.state_dict(), "optim_dict": optimiser.state_dict()}
    torch.save(state, tmp_path / "best_model.tar")
    load_weights(tmp_path / "best_model.tar", ours)
    save_weights(ours, tmp_path / "back.safetensors")
    load_weights(tmp_path / "back.safetensors", theirs)
    images = torch.randn(4, 3, 32, 32)
    assert torch.equal(theirs.eval()(images), ours.eval()(images))


@pytest.mark.parametrize("name", ["resnetc8", "cnn", "shufflenetv2"])
def test_a_box_goes_back_to_the_authors_scripts_as_the_readme_has_it(tmp_path, name):
    """They read `torch.load(FILE)["state_dict"]` into a net of their own, strictly."""
    architecture = Architecture(f"sdb:{name}", 10, 3, 32, 32)
    box, theirs = architecture.build(), architecture.build()
    save_weights(box, tmp_path / "box.safetensors")
    torch.save({"state_dict": load_file(tmp_path / "box.safetensors")}, tmp_path / "best_model.tar")
    read = torch.load(tmp_path / "best_model.tar", weights_only=True)
    theirs.load_state_dict(read["state_dict"])
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(theirs.eval()(images), box.eval()(images))


def test_a_checkpoint_of_several_gpus_loads_without_the_prefix_that_they_add(tmp_path):
    architecture = Architecture("sdb:resnetc8", 10, 3, 32, 32)
    theirs, ours = architecture.build(), architecture.build()
    torch.save({"state_dict": nn.DataParallel(theirs).state_dict()}, tmp_path / "best_model.tar")
    load_weights(tmp_path / "best_model.tar", ours)
    assert all(torch.equal(tensor, ours.state_dict()[name]) for name, tensor in theirs.state_dict().items())


def test_a_pre_activated_block_that_widens_takes_its_shortcut_from_the_raw_input():
    net = Architecture("sdb:resnetc8", 10, 3, 8, 8).build().eval()
    block = net.layer2[0]
    for conv in (block.conv2, *block.downsample):
        nn.init.zeros_(conv.weight)
    block.downsample[0].weight.data[0, 0] = 1
    raw = -torch.ones(1, 16, 8, 8)
    assert block(raw)[0, 0].eq(-1).all(), "a shortcut from the activated input would answer 0"


def test_the_plain_cnn_reads_four_by_four_maps_as_they_are():
    net = Architecture("sdb:cnn", 10, 3, 32, 32).build().eval()
    maps = {}
    net.bn3.register_forward_hook(lambda _layer, _inputs, answer: maps.update(last=answer))
    net.fc1.register_forward_hook(lambda _layer, inputs, _answer: maps.update(read=inputs[0]))
    net(torch.randn(2, 3, 32, 32))
    assert torch.equal(maps["read"], torch.relu(nn.functional.max_pool2d(maps["last"], 2)).flatten(1))


def _described(name):
    """The lines "NAME SHAPE" of a net's state dict, and its number of parameters."""
    with torch.device("meta"):
        net = Architecture(name, 10, 3, 32, 32).build()
    lines = [f"{key} {'x'.join(map(str, value.shape))}" for key, value in net.state_dict().items()]
    return lines, parameter_count(net)
