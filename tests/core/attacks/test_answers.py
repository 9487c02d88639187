"""What an attacker is shown, and what it makes of that."""

import pytest
import torch
import torch.nn.functional as F

from sdb_core.attacks import class_map, fixed_keys, linear_undo, named, second_peak, top_k
from sdb_core.attacks.attack import shown
from sdb_core.attacks.lessons import softened

LOGITS = torch.tensor([[4.0, 3.5, -1.0, -2.0], [0.0, -3.0, 2.0, 2.5], [-1.0, 6.0, -1.0, 5.0]])


def test_interfaces_show_less_and_less():
    assert torch.equal(shown(LOGITS, interface="logits"), LOGITS)
    assert torch.equal(shown(LOGITS, interface="probabilities"), F.log_softmax(LOGITS, dim=1))
    two = shown(LOGITS, interface="topk", top=2)
    assert torch.isfinite(two).sum(dim=1).tolist() == [2, 2, 2]
    assert torch.equal(two.argmax(dim=1), LOGITS.argmax(dim=1))
    assert torch.equal(shown(LOGITS, interface="labels"), F.one_hot(LOGITS.argmax(dim=1), 4).float())


def test_what_top_k_does_not_show_is_spread_evenly():
    full = top_k.completed(shown(LOGITS, interface="topk", top=1)).exp()
    assert torch.allclose(full.sum(dim=1), torch.ones(3))
    assert full[0, 1:].tolist() == pytest.approx([(1 - float(F.softmax(LOGITS[0], dim=0)[0])) / 3] * 3, rel=1e-4)
    everything = shown(LOGITS, interface="topk", top=4)
    assert torch.allclose(top_k.completed(everything), everything)


def test_a_dropped_second_peak_leaves_one_peak_and_the_order_of_the_rest():
    found = second_peak.without_second(LOGITS)
    assert torch.equal(found.argmax(dim=1), LOGITS.argmax(dim=1))
    assert found[0].tolist() == [4.0, -1.5, -1.0, -2.0]


def test_with_three_classes_a_dropped_second_peak_says_no_more_than_the_top():
    found = softened(second_peak.without_second(LOGITS[:, :3]), 2.0)
    others = found.masked_fill(F.one_hot(found.argmax(dim=1), 3).bool(), 0.0)
    assert torch.allclose(others.amax(dim=1), (1 - found.amax(dim=1)) / 2)


def test_the_linear_undo_finds_a_linear_disguise():
    generator = torch.Generator().manual_seed(0)
    truth = F.softmax(3 * torch.randn((400, 4), generator=generator), dim=1)
    disguise = torch.randn((4, 4), generator=generator)
    log_p = truth @ disguise - 6.0
    undo = linear_undo.fitted(log_p, truth)
    assert (linear_undo.corrected(log_p, undo) - truth).abs().max() < 0.05


def test_the_class_map_takes_a_fixed_answer_for_each_class_away():
    named_class = torch.tensor([0, 1, 2, 0, 1, 2])
    usual = torch.tensor([[0.0, -1.0, -9.0], [-9.0, 0.0, -1.0], [-1.0, -9.0, 0.0]])
    own = 0.1 * torch.randn((6, 3), generator=torch.Generator().manual_seed(1))
    log_p = usual[named_class] + own
    left = class_map.residual(log_p, class_map.class_means(log_p))
    paired = own - torch.stack([own[named_class == label].mean(dim=0) for label in range(3)])[named_class]
    lifted = paired + class_map.LIFT * F.one_hot(named_class, 3)
    assert torch.allclose(left, lifted, atol=1e-5)


def test_the_zero_key_asks_about_lambda_x(scene, room, subject):
    key = fixed_keys.zero_key(scene())
    x = torch.randn((4, 1, 8, 8), generator=torch.Generator().manual_seed(2))
    assert torch.allclose(key.embed(x), 0.7 * x)
    asked = []
    hook = subject.box.register_forward_pre_hook(lambda _, inputs: asked.append(inputs[0]))
    named(["zero-key"])[0].prepare(scene())
    hook.remove()
    expected = 0.7 * subject.normalisation(subject.splits.train.images)
    assert torch.allclose(torch.cat(asked), expected, atol=1e-6)


def test_the_mean_key_is_the_mean_image(scene, subject):
    key = fixed_keys.mean_key(scene())
    expected = subject.normalisation(subject.splits.train.images).mean(dim=0)
    assert torch.allclose(key.kappa, expected, atol=1e-4)


def test_weights_and_key_are_refused_to_who_does_not_hold_them(scene):
    with pytest.raises(PermissionError, match="weights"):
        scene().box()
    with pytest.raises(PermissionError, match="key"):
        scene(interface="weights", holds="weights").key_with(0.5)
    scene(interface="weights", holds="weights").box()


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_a_part_of_the_key_is_right_in_that_share_of_its_pixels(scene, subject, share):
    found = scene(holds="part of the key").key_with(share)
    right = (found.kappa == subject.key.kappa).float().mean()
    assert float(right) == pytest.approx(share, abs=1 / 64)
