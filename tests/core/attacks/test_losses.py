"""The attackers' losses against closed forms and a second writing."""

import pytest
import torch
import torch.nn.functional as F

from sdb_core import losses as core
from sdb_core.attacks import losses
from sdb_core.attacks.skeptical import WithExit, hybrid_loss
from sdb_core.distillation import new_student
from sdb_core.nets import Architecture
from sdb_core.settings import StudentSettings

GENERATOR = torch.Generator().manual_seed(0)
TEACHER, STUDENT = (3 * torch.randn((8, 5), generator=GENERATOR) for _ in range(2))
LABELS = torch.randint(0, 5, (8,), generator=GENERATOR)


def test_the_target_loss_is_the_divergence_and_takes_zeros():
    target = F.softmax(TEACHER / 4, dim=1)
    expected = core.divergence(TEACHER, STUDENT, 4.0) * 16
    assert losses.target_loss(target, STUDENT, temperature=4.0) == pytest.approx(float(expected), rel=1e-4)
    one_hot = F.one_hot(LABELS, 5).float()
    assert losses.target_loss(one_hot, STUDENT, temperature=1.0) == pytest.approx(
        float(F.cross_entropy(STUDENT, LABELS)), rel=1e-5
    )


def test_decoupled_distillation_with_the_usual_weights_is_usual_distillation():
    right = F.softmax(TEACHER / 4, dim=1).gather(1, LABELS.unsqueeze(1)).squeeze(1)
    found = losses.decoupled_loss(TEACHER, STUDENT, LABELS, alpha=1.0, beta=1 - right, temperature=4.0)
    assert float(found) == pytest.approx(float(core.divergence(TEACHER, STUDENT, 4.0) * 16), rel=1e-4)


def test_without_the_wrong_classes_decoupled_distillation_hears_one_number():
    others = TEACHER.clone()
    wrong = ~F.one_hot(LABELS, 5).bool()
    others[wrong] = TEACHER[wrong].view(8, 4).flip(1).flatten()
    kept = losses.decoupled_loss(TEACHER, STUDENT, LABELS, alpha=1.0, beta=0.0, temperature=4.0)
    turned = losses.decoupled_loss(others, STUDENT, LABELS, alpha=1.0, beta=0.0, temperature=4.0)
    assert torch.allclose(kept, turned)
    assert not torch.allclose(
        losses.decoupled_loss(TEACHER, STUDENT, LABELS, alpha=1.0, beta=8.0, temperature=4.0),
        losses.decoupled_loss(others, STUDENT, LABELS, alpha=1.0, beta=8.0, temperature=4.0),
    )


def test_logit_distance_knows_no_shift():
    assert float(losses.logit_distance(TEACHER, TEACHER + 3.0)) == pytest.approx(0.0, abs=1e-10)
    assert float(losses.logit_distance(TEACHER, 2 * TEACHER)) == pytest.approx(
        float(TEACHER.var(dim=1, correction=0).mean()), rel=1e-5
    )


def test_the_contrast_is_the_divergence_from_the_net_before():
    found = losses.divergence_from(TEACHER, STUDENT, temperature=2.0)
    assert float(found) == pytest.approx(float(core.divergence(STUDENT, TEACHER, 2.0) * 4), rel=1e-5)


def test_a_skeptical_student_lets_only_its_exit_hear_the_teacher():
    student = WithExit(
        new_student(Architecture("sdb:cnn-small", 5, 1, 8, 8), seed=0, device=torch.device("cpu")),
        shape=(1, 8, 8),
        classes=5,
        seed=1,
    )
    last, early = (torch.zeros((8, 5), requires_grad=True) for _ in range(2))
    settings = StudentSettings()
    one, two = (
        torch.autograd.grad(hybrid_loss(teacher, last, early, LABELS, settings), (last, early))
        for teacher in (TEACHER, STUDENT)
    )
    assert torch.equal(one[0], two[0])
    assert not torch.equal(one[1], two[1])
    x = torch.randn((4, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    assert torch.equal(student.eval()(x), student.net(x))
    assert student.exit().shape == (4, 5)


class Tokens(torch.nn.Module):
    """Reads an image as a row of patches, as transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = torch.nn.Linear(8, 6), torch.nn.Linear(6, 6), torch.nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.second(self.first(x.flatten(1, 2))).mean(dim=1))


@pytest.mark.parametrize("name", ["sdb:cnn", "sdb:resnetc20", "tokens"])
def test_an_exit_fits_any_net(name):
    architecture = Architecture(name, 4, 1, 8, 8)
    net = Tokens() if name == "tokens" else new_student(architecture, seed=0, device=torch.device("cpu"))
    student = WithExit(net, shape=(1, 8, 8), classes=4, seed=1).eval()
    student(torch.zeros((2, 1, 8, 8)))
    assert student.exit().shape == (2, 4)
