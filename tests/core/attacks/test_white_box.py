"""Who holds the weights."""

import dataclasses

import torch

from sdb_core.attacks import fine_tuning, key_recovery
from sdb_core.attacks.contrastive import contrast, sequence
from sdb_core.training import Batch

HOLDS = {"interface": "weights", "holds": "weights"}


def test_a_recovered_key_is_an_image_and_lowers_the_loss_it_was_looked_for_with(scene, subject):
    before = {name: tensor.clone() for name, tensor in subject.box.state_dict().items()}
    key, found = key_recovery.recovered(scene(**HOLDS), settings=dataclasses.replace(key_recovery.SEARCH, min_steps=60))
    assert found["last_loss"] < found["first_loss"] - 0.03
    pixels = key.kappa * 0.3 + 0.4
    assert 0.0 <= float(pixels.min()) <= float(pixels.max()) <= 1.0
    assert all(torch.equal(before[name], tensor) for name, tensor in subject.box.state_dict().items())
    assert not subject.box.training


def test_fine_tuning_starts_from_the_box_and_leaves_the_box_alone(scene, subject):
    lesson = fine_tuning.tune_box(scene(**HOLDS, large=True))
    copy = lesson.new(0)
    x = subject.normalisation(subject.splits.test.images)
    assert torch.equal(copy.eval()(x), subject.box(x))
    with torch.no_grad():
        next(copy.parameters()).zero_()
    assert not torch.equal(copy(x), subject.box(x))


def test_a_contrastive_net_is_trained_away_from_the_one_before(scene):
    batch_of_labels = torch.tensor([0, 1, 2])
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]])
    batch = Batch(torch.arange(3), torch.zeros(3, 1, 8, 8), batch_of_labels, torch.Generator())
    like, unlike = (
        float(contrast(lambda _: logits, lambda _, before=before: before, temperature=4.0)(batch)["loss"])
        for before in (logits, logits.roll(1, dims=1))
    )
    assert unlike < like
    assert len(sequence(scene())) == 2
