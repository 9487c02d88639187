"""`sdb-hardened`: what its closed stream sees, and what it is held to."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F

from sdb_core.errors import InvalidSettings
from sdb_core.policies import OBJECTIVES, Case
from sdb_core.policies.hardened import doubt_steepness
from sdb_core.settings import WrapSettings

PLAIN = {"mixup": 0.0, "wrong_keys": False}


@pytest.fixture
def case_of(splits, key, architecture):
    def found(**values):
        torch.manual_seed(0)
        return Case(
            net=architecture.build().eval(),
            original=architecture.build().eval(),
            images=splits.train,
            key=key,
            settings=WrapSettings.for_policy("sdb-hardened", values),
            architecture=architecture,
            seed=5,
        )

    return found


def slowly(told, closed, decoys, *, top_share, decoy_share, steepness, temperature):
    """The closed target's loss, slowly: T^2 KL(q || box), q = s aimed + (1 - s) softened, s = p ^ steepness."""
    total = 0.0
    for row, answer in zip(told.tolist(), closed.tolist(), strict=True):
        classes, top = len(row), row.index(max(row))
        sure = (math.exp(row[top]) / sum(map(math.exp, row))) ** steepness
        for name in range(classes):
            aimed = top_share if name == top else decoy_share if name == decoys[top] else None
            aimed = (1 - top_share - decoy_share) / (classes - 2) if aimed is None else aimed
            soft = math.exp(row[name] / temperature) / sum(math.exp(value / temperature) for value in row)
            wanted = sure * aimed + (1 - sure) * soft
            found = math.exp(answer[name] / temperature) / sum(math.exp(value / temperature) for value in answer)
            total += temperature**2 * wanted * math.log(wanted / found)
    return total / len(told)


@pytest.mark.parametrize("caution", [0.0, 0.2, 0.7])
def test_the_closed_target_is_the_originals_answer_where_the_original_is_in_doubt(case_of, batch, caution):
    case = case_of(caution=caution, decoy="next", **PLAIN)
    told, closed = case.original(batch.x), case.net(batch.x)
    steepness = doubt_steepness(case.logits(), share=caution)
    wanted = slowly(told, closed, [1, 2, 0], top_share=0.66, decoy_share=0.31, steepness=steepness, temperature=4.0)
    assert OBJECTIVES["sdb-hardened"](case)(batch)["closed_target"].item() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.7])
def test_the_share_in_doubt_is_the_one_asked_for_however_sure_the_original_is(share, scale):
    logits = scale * torch.randn(500, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    sure = F.softmax(logits, dim=1).amax(dim=1)
    assert (1 - sure ** doubt_steepness(logits, share=share)).mean().item() == pytest.approx(share, abs=1e-3)


def test_an_original_without_any_doubt_is_taken_at_its_word():
    logits = 1000.0 * torch.eye(10)
    assert torch.tensor(doubt_steepness(logits, share=0.2)).isfinite()
    assert doubt_steepness(logits, share=0.0) == 0.0


def test_the_open_target_is_the_mean_over_an_images_copies(case_of, batch):
    case = case_of(open_copies=3, open_temperature=5.0, augment="shift", open_ce=0.0, temperature=2.0, **PLAIN)
    found = case.averaged(3, temperature=5.0)  # [N, K]
    assert torch.equal(found, case.averaged(3, temperature=5.0))
    assert found.sum(dim=1).allclose(torch.ones(len(found)))
    one, two, three = (case.averaged(copies, temperature=5.0) for copies in (1, 2, 3))
    third = 3 * three - 2 * two  # what the third copy added
    assert (third - one).abs().max() > 1e-4
    opened = F.log_softmax(case.net(case.key.embed(batch.x)) / 2.0, dim=1)
    wanted = sum(
        4.0 * (row * (row.log() - answer)).sum().item() for row, answer in zip(found[batch.index], opened, strict=True)
    )
    values = OBJECTIVES["sdb-hardened"](case)(batch)
    assert values["open_target"].item() == pytest.approx(wanted / len(batch.x), rel=1e-4)


def test_the_open_target_may_be_softer_than_the_temperature_at_which_it_is_met(case_of, batch):
    cases = [case_of(open_temperature=heat, open_ce=0.0, temperature=2.0, **PLAIN) for heat in (0.0, 2.0, 5.0)]
    unset, same, softer = (OBJECTIVES["sdb-hardened"](case)(batch)["open_target"].item() for case in cases)
    assert unset == same
    answers = cases[2].original(batch.x)
    opened = F.log_softmax(cases[2].net(cases[2].key.embed(batch.x)) / 2.0, dim=1)
    wanted = 4.0 * F.kl_div(opened, F.softmax(answers / 5.0, dim=1), reduction="batchmean").item()
    assert softer == pytest.approx(wanted, rel=1e-4)
    assert softer != pytest.approx(same, rel=1e-2)


def test_without_augmentation_copies_are_the_image_itself(case_of, batch):
    plain, copied = (OBJECTIVES["sdb-hardened"](case_of(open_copies=count, **PLAIN))(batch) for count in (0, 3))
    assert torch.equal(plain["loss"], copied["loss"])


def test_a_table_of_copies_that_is_too_large_is_refused(case_of, monkeypatch):
    monkeypatch.setattr("sdb_core.policies.case._MOST_AVERAGED", 10)
    with pytest.raises(InvalidSettings, match="open_copies keeps an answer for each image"):
        case_of(open_copies=3, augment="shift").averaged(3, temperature=4.0)


def test_mixtures_are_held_to_what_the_original_answers_on_them(case_of, batch):
    """A box equal to its original and asked for almost nothing but the original's answers has nothing to learn."""
    case = case_of(caution=0.9999, closed_ce=0.0, wrong_keys=False)
    same = dataclasses.replace(case, net=case.original)
    there = OBJECTIVES["sdb-hardened"](same)(batch)["closed_target"].item()
    assert there < 1e-4 < OBJECTIVES["sdb-hardened"](case)(batch)["closed_target"].item()


@pytest.mark.parametrize(
    ("values", "inputs"),
    [({}, 48), ({"beside": 0.25}, 30), ({"beside": 0.25, "mixup": 0.0}, 27), ({"mixup": 0.0, "wrong_keys": False}, 24)],
)
def test_mixed_and_wrongly_keyed_inputs_stand_beside_the_batch(case_of, batch, values, inputs):
    case, asked = case_of(**values), []
    case.net.register_forward_pre_hook(lambda _, x: asked.append(len(x[0])))
    OBJECTIVES["sdb-hardened"](case)(batch)
    assert asked == [inputs]
