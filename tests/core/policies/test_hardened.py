"""`sdb-hardened`: what its closed stream sees, and what it is held to."""

import math

import pytest

from sdb_core.policies import OBJECTIVES, Case
from sdb_core.settings import WrapSettings

PLAIN = {"mixup": 0.0, "wrong_keys": False}


def slowly(told, closed, decoys, *, top_share, decoy_share, caution, temperature):
    """The closed target's loss, number by number: T^2 KL(q || box), q = s aimed + (1 - s) softened, s = p ^ caution."""
    total = 0.0
    for row, answer in zip(told.tolist(), closed.tolist(), strict=True):
        classes, top = len(row), row.index(max(row))
        sure = (math.exp(row[top]) / sum(map(math.exp, row))) ** caution
        for name in range(classes):
            aimed = top_share if name == top else decoy_share if name == decoys[top] else None
            aimed = (1 - top_share - decoy_share) / (classes - 2) if aimed is None else aimed
            soft = math.exp(row[name] / temperature) / sum(math.exp(value / temperature) for value in row)
            wanted = sure * aimed + (1 - sure) * soft
            found = math.exp(answer[name] / temperature) / sum(math.exp(value / temperature) for value in answer)
            total += temperature**2 * wanted * math.log(wanted / found)
    return total / len(told)


@pytest.mark.parametrize("caution", [0.0, 0.5, 1.0, 3.0])
def test_the_closed_target_is_the_originals_answer_where_the_original_is_in_doubt(parts, splits, caution):
    values, answers = parts("sdb-hardened", caution=caution, decoy="next", **PLAIN)
    shares = {"top_share": 0.66, "decoy_share": 0.31, "caution": caution, "temperature": 4.0}
    wanted = slowly(answers["original"], answers["closed"], [1, 2, 0], **shares)
    assert values["closed_target"].item() == pytest.approx(wanted, rel=1e-4)


def test_mixtures_are_held_to_what_the_original_answers_on_them(splits, key, architecture, batch):
    """A box equal to its original and asked for nothing but the original's answers has nothing to learn."""
    net = architecture.build().eval()
    settings = WrapSettings.for_policy("sdb-hardened", {"caution": 200.0, "closed_ce": 0.0, "wrong_keys": False})
    case = Case(
        net=net,
        original=net,
        images=splits.train,
        key=key,
        settings=settings,
        architecture=architecture,
        seed=5,
    )
    assert OBJECTIVES["sdb-hardened"](case)(batch)["closed_target"].item() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(
    ("values", "inputs"),
    [({}, 48), ({"beside": 0.25}, 30), ({"beside": 0.25, "mixup": 0.0}, 27), ({"mixup": 0.0, "wrong_keys": False}, 24)],
)
def test_mixed_and_wrongly_keyed_inputs_stand_beside_the_batch(splits, key, architecture, batch, values, inputs):
    net = architecture.build().eval()
    asked = []
    net.register_forward_pre_hook(lambda _, x: asked.append(len(x[0])))
    settings = WrapSettings.for_policy("sdb-hardened", values)
    case = Case(
        net=net,
        original=architecture.build().eval(),
        images=splits.train,
        key=key,
        settings=settings,
        architecture=architecture,
        seed=5,
    )
    OBJECTIVES["sdb-hardened"](case)(batch)
    assert asked == [inputs]
