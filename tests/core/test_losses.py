"""Each loss against a second, slower writing, and where its gradient flows."""

import math

import pytest
import torch
from torch import Tensor

from sdb_core import losses


def logits(seed: int, *, grad: bool = False) -> Tensor:
    drawn = 3 * torch.randn(5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn.requires_grad_(grad)


LABELS = torch.tensor([0, 3, 1, 1, 2])


def softmax(row: list[float], temperature: float = 1.0) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def slow_kl(p: Tensor, q: Tensor, temperature: float = 1.0) -> float:
    total = 0.0
    for a, b in zip(p.tolist(), q.tolist(), strict=True):
        pairs = zip(softmax(a, temperature), softmax(b, temperature), strict=True)
        total += sum(x * math.log(x / y) for x, y in pairs)
    return total / len(p)


def slow_ce(p: Tensor) -> float:
    rows = zip(p.tolist(), LABELS.tolist(), strict=True)
    return sum(-math.log(softmax(row)[label]) for row, label in rows) / len(p)


def test_the_divergence_is_the_sum_over_classes_and_the_mean_over_the_batch():
    assert losses.divergence(logits(1), logits(2), 4.0).item() == pytest.approx(slow_kl(logits(1), logits(2), 4.0))


def test_equations_2_and_3_weigh_labels_and_teacher():
    found = losses.student_loss(logits(1), logits(2), LABELS, alpha=0.9, temperature=4.0)
    wanted = 0.1 * slow_ce(logits(1)) + 0.9 * 16 * slow_kl(logits(2), logits(1), 4.0)
    assert found.item() == pytest.approx(wanted)


def test_equation_6_adds_both_streams_cross_entropies():
    found = losses.classification_loss(logits(1), logits(2), LABELS)
    assert found.item() == pytest.approx(slow_ce(logits(1)) + slow_ce(logits(2)))


def test_equation_7_drives_the_closed_stream_from_the_original_to_the_open_one():
    found = losses.disturbance_loss(logits(1), logits(2), logits(3), omega=0.5, temperature=4.0)
    wanted = 0.5 * (-slow_kl(logits(1), logits(2), 4.0) + slow_kl(logits(3), logits(2)))
    assert found.item() == pytest.approx(wanted)


def test_equation_7_sends_its_gradient_through_the_closed_stream_only():
    original, closed, opened = (logits(seed, grad=True) for seed in (1, 2, 3))
    losses.disturbance_loss(original, closed, opened, omega=0.5, temperature=4.0).backward()
    assert original.grad is None
    assert opened.grad is None
    assert closed.grad is not None
    assert closed.grad.abs().sum() > 0


def test_the_authors_weigh_equation_6s_terms_two_to_one():
    found = losses.classification_loss(logits(1), logits(2), LABELS, closed_weight=2.0)
    assert found.item() == pytest.approx(2 * slow_ce(logits(1)) + slow_ce(logits(2)))


def test_equation_9s_first_term_is_the_squared_distance_of_the_softened_answers():
    found = losses.main_knowledge_loss(logits(1), logits(3), temperature=4.0)
    wanted = 0.0
    for a, b in zip(logits(3).tolist(), logits(1).tolist(), strict=True):
        wanted += sum((x - y) ** 2 for x, y in zip(softmax(a, 4.0), softmax(b, 4.0), strict=True))
    assert found.item() == pytest.approx(wanted / 5)


def test_equation_10_draws_the_open_stream_from_the_original_to_the_random_twin():
    found = losses.augmentation_loss(logits(1), logits(2), logits(3), temperature=2.0, away_weight=0.01)
    wanted = -0.01 * slow_kl(logits(1), logits(3), 2.0) + slow_kl(logits(2), logits(3), 2.0)
    assert found.item() == pytest.approx(wanted)


def test_equations_8_to_10_send_their_gradient_through_the_open_stream_only():
    original, twin, opened = (logits(seed, grad=True) for seed in (1, 2, 3))
    loss = losses.main_knowledge_loss(original, opened, temperature=4.0)
    (loss + losses.augmentation_loss(original, twin, opened, temperature=None)).backward()
    assert original.grad is None
    assert twin.grad is None
    assert opened.grad is not None
    assert opened.grad.abs().sum() > 0


def test_equation_11_is_the_limit_of_equation_10():
    hot = 3000.0
    scaled = losses.augmentation_loss(logits(1), logits(2), logits(3), temperature=hot) * 4 * hot**2
    limit = losses.augmentation_loss(logits(1), logits(2), logits(3), temperature=None)
    assert scaled.item() == pytest.approx(limit.item(), rel=1e-2)


def test_the_decoy_target_names_the_top_class_first_and_its_decoy_second():
    found = losses.decoy_target(
        torch.tensor([0, 3]), torch.tensor([1, 2, 3, 0]), classes=4, top_share=0.6, decoy_share=0.3
    )
    assert found.tolist()[0] == pytest.approx([0.6, 0.3, 0.05, 0.05])
    assert found.tolist()[1] == pytest.approx([0.3, 0.05, 0.05, 0.6])


def test_of_two_classes_the_decoy_target_scales_its_two_shares_to_one():
    found = losses.decoy_target(torch.tensor([0, 1]), torch.tensor([1, 0]), classes=2, top_share=0.6, decoy_share=0.3)
    assert torch.allclose(found, torch.tensor([[2 / 3, 1 / 3], [1 / 3, 2 / 3]]))


def test_the_targeted_loss_is_zero_where_the_target_is_met_and_above_zero_elsewhere():
    target = torch.tensor([[0.6, 0.3, 0.1]])
    met = target.log() * 4.0
    assert losses.targeted_loss(target, met, temperature=4.0).item() == pytest.approx(0.0, abs=1e-6)
    assert losses.targeted_loss(target, met.flip(1), temperature=4.0).item() > 0.1


def test_the_nasty_loss_pays_for_distance_from_the_original():
    found = losses.nasty_loss(logits(1), logits(2), LABELS, omega=0.04, temperature=4.0)
    wanted = slow_ce(logits(2)) - 0.04 * 16 * slow_kl(logits(2), logits(1), 4.0)
    assert found.item() == pytest.approx(wanted)
