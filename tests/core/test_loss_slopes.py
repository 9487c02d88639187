"""The slope of each loss in closed form, so that what flows is the paper's; and values known by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sdb_core import losses

BATCH, CLASSES, HEAT = 5, 4, 4.0
LABELS = torch.tensor([0, 3, 1, 1, 2])
TRUTH = F.one_hot(LABELS, CLASSES).double()


def logits(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64)).requires_grad_(True)


def soft(values: Tensor, temperature: float = 1.0) -> Tensor:
    return (values.detach() / temperature).softmax(dim=1)


def centred(values: Tensor) -> Tensor:
    return values.detach() - values.detach().mean(dim=1, keepdim=True)


def slope(loss: Tensor, by: Tensor) -> Tensor:
    """The gradient for each image, not for the mean over the batch."""
    return BATCH * torch.autograd.grad(loss, by)[0]


def test_a_student_is_drawn_by_labels_at_1_and_by_its_teacher_at_t():
    student, teacher = logits(1), logits(2)
    loss = losses.student_loss(student, teacher, LABELS, alpha=0.9, temperature=HEAT)
    hard, warm = soft(student) - TRUTH, soft(student, HEAT) - soft(teacher, HEAT)
    assert torch.allclose(slope(loss, student), 0.1 * hard + 0.9 * HEAT * warm)


def test_both_streams_are_drawn_to_the_labels():
    closed, opened = logits(1), logits(2)
    loss = losses.classification_loss(closed, opened, LABELS, closed_weight=2.0, open_weight=0.5)
    by_closed, by_open = torch.autograd.grad(loss, (closed, opened))
    assert torch.allclose(BATCH * by_closed, 2.0 * (soft(closed) - TRUTH))
    assert torch.allclose(BATCH * by_open, 0.5 * (soft(opened) - TRUTH))


def test_equation_7_pushes_off_the_original_at_t_and_pulls_to_the_open_stream_at_1():
    original, closed, opened = (logits(seed) for seed in (1, 2, 3))
    loss = losses.disturbance_loss(original, closed, opened, omega=0.5, temperature=HEAT)
    off, to = soft(original, HEAT) - soft(closed, HEAT), soft(closed) - soft(opened)
    assert torch.allclose(slope(loss, closed), 0.5 * (off / HEAT + to))


def test_equation_9_pulls_the_open_stream_by_the_softmaxs_own_slope():
    original, opened = logits(1), logits(3)
    loss = losses.main_knowledge_loss(original, opened, temperature=HEAT)
    apart, own = soft(opened, HEAT) - soft(original, HEAT), soft(opened, HEAT)
    wanted = 2 / HEAT * own * (apart - (apart * own).sum(dim=1, keepdim=True))
    assert torch.allclose(slope(loss, opened), wanted)


@pytest.mark.parametrize("seed", [3, 4])
def test_equation_10_as_printed_pulls_alike_wherever_the_open_stream_is(seed):
    original, twin, opened = logits(1), logits(2), logits(seed)
    loss = losses.augmentation_loss(original, twin, opened, temperature=HEAT)
    assert torch.allclose(slope(loss, opened), (soft(original, HEAT) - soft(twin, HEAT)) / HEAT)


@pytest.mark.parametrize("seed", [3, 4])
def test_so_does_equation_11_by_the_centred_logits(seed):
    original, twin, opened = logits(1), logits(2), logits(seed)
    loss = losses.augmentation_loss(original, twin, opened, temperature=None)
    assert torch.allclose(slope(loss, opened), centred(original) - centred(twin))


def test_equation_11_is_half_the_squared_distances_of_centred_logits():
    original, twin, opened = logits(1), logits(2), logits(3)
    found = losses.augmentation_loss(original, twin, opened, temperature=None, away_weight=0.25)
    rows = zip(centred(original).tolist(), centred(twin).tolist(), centred(opened).tolist(), strict=True)
    wanted = 0.0
    for known, random, own in rows:
        wanted += sum((b - c) ** 2 - 0.25 * (a - c) ** 2 for a, b, c in zip(known, random, own, strict=True)) / 2
    assert found.item() == pytest.approx(wanted / BATCH)


def test_the_aimed_disturbance_pulls_to_its_target_at_t():
    closed = logits(2)
    target = losses.decoy_target(LABELS, torch.tensor([1, 2, 3, 0]), classes=CLASSES, top_share=0.6, decoy_share=0.3)
    loss = losses.targeted_loss(target, closed, temperature=HEAT)
    assert torch.allclose(slope(loss, closed), HEAT * (soft(closed, HEAT) - target.double()), atol=1e-6)


def test_the_nasty_loss_pushes_off_the_original_by_the_slope_of_the_reverse_divergence():
    original, closed = logits(1), logits(2)
    loss = losses.nasty_loss(original, closed, LABELS, omega=0.04, temperature=HEAT)
    own = soft(closed, HEAT)
    ratio = own.log() - soft(original, HEAT).log()
    away = own * (ratio - (own * ratio).sum(dim=1, keepdim=True))
    assert torch.allclose(slope(loss, closed), soft(closed) - TRUTH - 0.04 * HEAT * away)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_the_divergence_of_two_coins_is_the_one_in_the_books(temperature):
    p, q = 0.7, 0.4
    sides = [torch.tensor([[temperature * math.log(share / (1 - share)), 0.0]]) for share in (p, q)]
    wanted = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert losses.divergence(*sides, temperature).item() == pytest.approx(wanted, rel=1e-4)
    assert losses.divergence(sides[0], sides[0] + 5.0, temperature).item() == pytest.approx(0.0, abs=1e-6)


def test_smoothed_labels_leave_a_share_to_every_class():
    student = logits(1).detach()
    found = losses.student_loss(student, student, LABELS, alpha=0.0, temperature=HEAT, smoothing=0.1)
    wanted = -((0.9 * TRUTH + 0.1 / CLASSES) * student.log_softmax(dim=1)).sum(dim=1).mean()
    assert found.item() == pytest.approx(wanted.item())


def test_no_disturbance_remains_where_the_three_streams_agree():
    same = logits(1).detach()
    assert losses.disturbance_loss(same, same, same, omega=1.0, temperature=HEAT).item() == pytest.approx(0.0, abs=1e-9)
    assert losses.main_knowledge_loss(same, same, temperature=HEAT).item() == 0.0
    assert losses.augmentation_loss(same, same, logits(2).detach(), temperature=HEAT).item() == pytest.approx(0.0)
