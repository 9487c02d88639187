"""The paper's ablations and baselines: what each switch leaves out of the loss."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from sdb_core import losses
from sdb_core.policies import OBJECTIVES, Case
from sdb_core.settings import POLICIES, WrapSettings


def test_every_policy_but_the_model_itself_has_an_objective():
    assert {*OBJECTIVES, "normal"} == set(POLICIES)


@pytest.mark.parametrize("policy", OBJECTIVES)
def test_the_loss_is_the_sum_of_its_named_parts(parts, policy):
    values, _ = parts(policy)
    named = [value for name, value in values.items() if name != "loss"]
    if named:
        assert values["loss"].item() == pytest.approx(sum(value.item() for value in named), rel=1e-5)
    values["loss"].backward()


def test_key_embedding_alone_is_equation_6(parts, batch):
    values, answers = parts("ke")
    assert values.keys() == {"loss", "cls"}
    wanted = F.cross_entropy(answers["closed"], batch.labels) + F.cross_entropy(answers["open"], batch.labels)
    assert values["loss"].item() == pytest.approx(wanted.item(), rel=1e-5)


def test_nasty_with_a_key_adds_the_open_streams_cross_entropy(parts, batch):
    plain, answers = parts("nasty")
    values, _ = parts("nasty-ke")
    opened = F.cross_entropy(answers["open"], batch.labels)
    assert values["loss"].item() == pytest.approx(plain["loss"].item() + opened.item(), rel=1e-5)


@pytest.mark.parametrize(("switch", "left_out"), [("disturbance", "dis"), ("preservation", "kp")])
def test_a_switch_leaves_one_part_out_and_the_others_as_they_were(parts, switch, left_out):
    whole, _ = parts("sdb")
    values, _ = parts("sdb", **{switch: False})
    assert values.keys() == whole.keys() - {left_out}
    for name in values.keys() - {"loss"}:
        assert values[name].item() == pytest.approx(whole[name].item(), rel=1e-6)


def test_without_augmentation_only_the_main_knowledge_is_kept(parts):
    values, answers = parts("sdb", augmentation=False)
    wanted = losses.main_knowledge_loss(answers["original"], answers["open"], temperature=4.0)
    assert values["kp"].item() == pytest.approx(wanted.item(), rel=1e-4)
    assert parts("sdb", eta=0.5)[0]["kp"].item() != pytest.approx(wanted.item(), rel=1e-4)


def test_without_key_embedding_both_streams_read_the_same_images(parts, batch):
    values, answers = parts("sdb", key_embedding=False, disturbance=False, preservation=False)
    assert values["cls"].item() == pytest.approx(2 * F.cross_entropy(answers["closed"], batch.labels).item(), rel=1e-5)


def test_the_authors_augmentation_sees_no_logit_below_zero(parts, batch):
    values, answers = parts("sdb", rectify=True, away_weight=0.01, eta=1.0, main_weight=0.0)
    plain, _ = parts("sdb", away_weight=0.01, eta=1.0, main_weight=0.0)
    assert (answers["open"] < 0).any()
    assert values["kp"].item() != pytest.approx(plain["kp"].item(), rel=1e-3)


@pytest.mark.parametrize("name", ["omega", "eta", "main_weight", "away_weight"])
def test_weights_below_zero_are_refused(name):
    with pytest.raises(Exception, match=f"{name} is -1"):
        WrapSettings.for_policy("sdb", {name: -1})


@pytest.mark.parametrize("policy", OBJECTIVES)
def test_one_batch_is_overfitted(splits, key, architecture, batch, policy):
    torch.manual_seed(0)
    original, net = architecture.build().eval(), architecture.build()
    settings = dataclasses.replace(WrapSettings.for_policy(policy), mixup=0.0, wrong_keys=False)
    case = Case(
        net=net,
        original=original,
        images=splits.train,
        key=key,
        settings=settings,
        architecture=architecture,
        seed=5,
    )
    objective, optimiser = OBJECTIVES[policy](case), torch.optim.Adam(net.parameters(), lr=0.01)
    losses_seen = []
    for _ in range(80):
        optimiser.zero_grad()
        loss = objective(batch)["loss"]
        loss.backward()
        optimiser.step()
        losses_seen.append(loss.item())
    assert losses_seen[-1] < 0.5 * losses_seen[0]
    right = net.eval()(batch.x).argmax(dim=1) == (
        original(batch.x).argmax(dim=1) if policy == "sdb-hardened" else batch.labels
    )
    assert right.all()
