"""A program acts like the net it was made of, in training and in use, whichever mode was captured."""

import copy

import pytest
import torch
from torch import nn

from tests.core.programs.making import SHAPE, Tiny, exported, provider_net, used

X = torch.randn(7, *SHAPE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", params=["eval", "train", "eval, decomposed", "train, decomposed"])
def captured(request, tiny, tmp_path_factory):
    """A net, and the same as a program captured in one mode."""
    mode, _, decomposed = request.param.partition(", ")
    net = copy.deepcopy(tiny)
    if (
        decomposed
    ):  # dropout becomes operations that tell no mode: such a program is refused in train, without it in eval
        net.dropout, net.spatial_dropout = nn.Identity(), nn.Identity()
    program = exported(net.train(mode == "train"))
    program = program.run_decompositions() if decomposed else program
    return net, provider_net(program, tmp_path_factory.mktemp("program"))


@pytest.fixture
def pair(captured):
    return copy.deepcopy(captured)


def test_answers_in_eval_mode_are_the_nets_own_and_change_nothing(pair):
    net, program = pair
    before = copy.deepcopy(program.state_dict())
    with torch.no_grad():
        assert torch.allclose(program.eval()(X), net.eval()(X), atol=1e-6)
    assert all(torch.equal(tensor, before[name]) for name, tensor in program.state_dict().items())


def test_a_training_step_is_the_nets_own_down_to_the_running_statistics(pair):
    for net in pair:
        torch.manual_seed(5)
        net.train()(X).square().sum().backward()
    net, program = pair
    gradients = {name: parameter.grad for name, parameter in program.named_parameters()}
    for name, parameter in net.named_parameters():
        assert torch.allclose(gradients[name], parameter.grad, atol=1e-5), name
    for name, tensor in net.state_dict().items():
        assert torch.allclose(program.state_dict()[name].double(), tensor.double(), atol=1e-6), name


def test_the_state_dict_has_the_exporters_names_in_their_order(pair):
    net, program = pair
    assert list(program.state_dict()) == list(net.state_dict())


def test_a_copy_is_a_net_of_its_own(pair):
    _, program = pair
    other = copy.deepcopy(program)
    with torch.no_grad():
        other.get_parameter("head.bias").add_(1.0)
        assert torch.allclose(other.eval()(X), program.eval()(X) + 1.0, atol=1e-6)
    other.train()
    assert not program.training


def test_channels_last_changes_no_answer(pair):
    _, program = pair
    with torch.no_grad():
        wanted = program.eval()(X)
        program.to(memory_format=torch.channels_last)
        assert torch.allclose(program(X.contiguous(memory_format=torch.channels_last)), wanted, atol=1e-5)


def test_a_batch_norm_that_its_maker_froze_stays_frozen(tmp_path):
    net = used(Tiny()).train()
    net.norm.eval()
    program = provider_net(exported(net), tmp_path).train()
    before = copy.deepcopy(program.state_dict())
    program(X)
    assert torch.equal(program.state_dict()["norm.running_mean"], before["norm.running_mean"])
    assert not torch.equal(program.state_dict()["deep.1.running_mean"], before["deep.1.running_mean"])


class Attentive(nn.Module):
    """Attention with dropout, a position embedding, and a head that shares its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 8, 4, 4)
        self.positions = nn.Parameter(torch.randn(1, 4, 8))
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.4, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.scale = nn.Parameter(torch.full((8,), 0.1))
        self.head = nn.Linear(8, 3)
        self.register_buffer("mask", torch.tensor([[0.0, 1.0, 1.0, 1.0]]))
        self.register_buffer("unsaved", torch.ones(8), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        x = x + self.scale * self.attention(self.norm(x), x, x, need_weights=False)[0]
        return self.head((x * self.mask.unsqueeze(-1)).sum(1) * self.unsaved)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_an_attention_drops_in_training_alone(tmp_path, mode):
    net = Attentive().train(mode == "train")
    program = provider_net(exported(net), tmp_path)
    with torch.no_grad():
        assert torch.allclose(program.eval()(X), net.eval()(X), atol=1e-6)
        if mode == "train":
            assert not torch.allclose(program.train()(X), program(X))
    assert list(program.state_dict()) == list(net.state_dict())
    assert "unsaved" not in program.state_dict()


class Making(nn.Module):
    """It makes tensors on the way, on the device it was captured on."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ramp = torch.arange(8, device=x.device, dtype=torch.float32) + torch.zeros(8, device=x.device)
        return self.head((x * ramp).flatten(1)) * torch.tensor([1.0, 2.0, 3.0], device=x.device)


def test_tensors_made_on_the_way_follow_the_input_to_its_device(tmp_path):
    net = Making().eval()
    program = provider_net(exported(net), tmp_path).eval()
    with torch.no_grad():
        assert torch.allclose(program(X), net(X), atol=1e-6)
        assert program.to("meta")(X.to("meta")).device.type == "meta"
