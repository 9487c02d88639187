"""Each policy's whole loss written a second time from the nets' answers, and which stream each part moves."""

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.distillation import new_student
from sdb_core.policies import OBJECTIVES, Case
from sdb_core.policies.decoys import choose_decoys, confusions
from sdb_core.settings import WrapSettings
from sdb_core.training import CPU, Batch, Run
from sdb_core.training.batches import mixed_seed
from sdb_core.wrapping import wrap

SIZE = 12
AIMED = {"top_share": 0.66, "decoy_share": 0.31, "decoy": "far", "caution": 0.0}
BESIDE = {"mixup": 0.5, "wrong_keys": True, "beside": 1.0, "lam": 0.7}


class Watched(nn.Module):
    """A net that remembers what it was last asked and what it answered."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.asked, self.answered, self.modes = torch.empty(0), torch.empty(0), []

    def forward(self, x: Tensor) -> Tensor:
        self.asked, self.answered = x, self.net(x)
        self.modes.append(self.training)
        if self.answered.requires_grad:
            self.answered.retain_grad()
        return self.answered


class Made:
    """One policy's loss on one batch, with everything that it was made of."""

    def __init__(self, policy: str, case: Case, batch: Batch) -> None:
        self.case, self.batch, self.settings, self.net = case, batch, case.settings, case.net
        self.values = OBJECTIVES[policy](case)(batch)
        self.out = self.net.answered
        self.closed, self.open = self.out.detach()[:-SIZE].double(), self.out.detach()[-SIZE:].double()

    def original(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.case.original(x).double()

    def moved(self, part: str) -> tuple[bool, bool]:
        """Whether a part's gradient reaches the closed answers, and the open ones."""
        self.out.grad = None
        self.values[part].backward(retain_graph=True)
        return bool(self.out.grad[:-SIZE].any()), bool(self.out.grad[-SIZE:].any())


@pytest.fixture
def made(splits, key, architecture, normalisation):
    torch.manual_seed(0)
    original, net = architecture.build().eval(), architecture.build().eval()
    index = torch.arange(SIZE)
    x, labels = normalisation(splits.train.images[index]), splits.train.labels[index]

    def found(policy: str, **values) -> Made:
        settings = WrapSettings.for_policy(policy, values)
        batch = Batch(index=index, x=x, labels=labels, generator=torch.Generator().manual_seed(4))
        facts = {"images": splits.train, "key": key, "architecture": architecture, "seed": 5}
        case = Case(net=Watched(copy.deepcopy(net)), original=Watched(original), settings=settings, **facts)
        return Made(policy, case, batch)

    return found


def ce(logits: Tensor, labels: Tensor) -> Tensor:
    return -logits.log_softmax(dim=1)[torch.arange(len(labels)), labels].mean()


def kl(p: Tensor, q: Tensor, heat: float = 1.0) -> Tensor:
    p, q = (p / heat).softmax(dim=1), (q / heat).softmax(dim=1)
    return (p * (p / q).log()).sum() / len(p)


@pytest.mark.parametrize("augment", ["none", "shift"])
@pytest.mark.parametrize("aug_temperature", [0.0, 2.0])
def test_sdb_is_equations_4_to_11(made, augment, aug_temperature):
    """With L_aug at T_aug = 2 and at infinity, its answers from a table and live."""
    values = {"omega": 0.3, "eta": 0.5, "temperature": 4.0}
    found = made("sdb", augment=augment, aug_temperature=aug_temperature, **values)
    known, labels = found.original(found.batch.x), found.batch.labels
    random = found.case.twin()(found.batch).double()
    classes = ce(found.closed, labels) + ce(found.open, labels)
    disturbance = 0.3 * (kl(found.open, found.closed) - kl(known, found.closed, 4.0))
    main = ((found.open / 4).softmax(dim=1) - (known / 4).softmax(dim=1)).square().sum(dim=1).mean()
    if aug_temperature:
        augmentation = kl(random, found.open, 2.0) - kl(known, found.open, 2.0)
    else:
        own, near, far = (logits - logits.mean(dim=1, keepdim=True) for logits in (found.open, random, known))
        augmentation = ((near - own).square() - (far - own).square()).sum(dim=1).mean() / 2
    assert found.values["cls"].item() == pytest.approx(classes.item(), rel=1e-4)
    assert found.values["dis"].item() == pytest.approx(disturbance.item(), rel=1e-3, abs=1e-5)
    assert found.values["kp"].item() == pytest.approx((main + 0.5 * augmentation).item(), rel=1e-3, abs=1e-5)
    whole = classes + disturbance + main + 0.5 * augmentation
    assert found.values["loss"].item() == pytest.approx(whole.item(), rel=1e-4)


def test_each_part_of_sdb_moves_the_streams_that_the_paper_says(made):
    found = made("sdb", eta=0.5)
    assert {part: found.moved(part) for part in ("cls", "dis", "kp")} == {
        "cls": (True, True),
        "dis": (True, False),
        "kp": (False, True),
    }
    assert all(parameter.grad is None for parameter in found.case.original.parameters())


def test_each_part_of_the_hardened_policy_moves_one_stream(made):
    found = made("sdb-hardened")
    assert [found.moved(part) for part in ("closed_target", "closed_ce")] == [(True, False)] * 2
    assert [found.moved(part) for part in ("open_target", "open_ce")] == [(False, True)] * 2


@pytest.mark.parametrize("policy", ["sdb", "nasty", "nasty-ke", "sdb-hardened"])
@pytest.mark.parametrize("augment", ["none", "shift"])
def test_the_original_answers_in_eval_mode_and_learns_nothing(made, policy, augment):
    found = made(policy, augment=augment)
    found.values["loss"].backward()
    assert found.case.original.modes
    assert not any(found.case.original.modes)
    assert all(not parameter.requires_grad for parameter in found.case.original.parameters())


def test_the_closed_stream_of_the_hardened_policy_reads_images_mixtures_and_wrong_keys(made, key):
    found = made("sdb-hardened", **BESIDE)
    x, blends, blurred, proxies = found.net.asked.split(SIZE)
    assert torch.equal(x, found.batch.x)
    assert torch.allclose(proxies, 0.7 * x + 0.3 * key.kappa, atol=1e-6)
    kappas = (blurred - 0.7 * x) / 0.3
    pixels = kappas * key.std[0] + key.mean[0]
    assert pixels.min() >= -1e-4
    assert pixels.max() <= 1 + 1e-4
    assert pixels.std(dim=0).min() > 0.05, "each image has a key of its own"
    found_share = [_share(blend, own, x) for blend, own in zip(blends, x, strict=True)]
    assert min(found_share) >= 0.0
    assert max(found_share) <= 0.5 + 1e-5


def _share(blend: Tensor, own: Tensor, others: Tensor) -> float:
    """How much of the one other image that explains it is in a mixture."""
    best, share = torch.inf, 0.0
    for other in others:
        toward, moved = (other - own).flatten(), (blend - own).flatten()
        weight = float(toward @ moved / (toward @ toward).clamp_min(1e-9))
        left = float((moved - weight * toward).norm())
        best, share = (left, weight) if left < best - 1e-6 else (best, share)
    assert best < 1e-3
    return share


def test_the_hardened_loss_holds_both_streams_to_their_targets(made):
    weights = {"closed_weight": 0.5, "closed_ce": 2.0, "open_weight": 0.25, "open_ce": 3.0, "open_label_share": 0.2}
    found = made("sdb-hardened", temperature=4.0, **weights, **AIMED, **BESIDE)
    x, blends, _, _ = found.net.asked.detach().split(SIZE)
    known = found.original(x)
    top = torch.cat([known.argmax(dim=1), found.original(blends).argmax(dim=1), known.argmax(dim=1)])
    everywhere = found.original(found.case.normalisation(found.case.images.images))
    decoys = choose_decoys(confusions(everywhere), "far")
    q = torch.full((len(top), 3), 1 - 0.66 - 0.31, dtype=torch.float64)
    q[torch.arange(len(top)), decoys[top]] = 0.31
    q[torch.arange(len(top)), top] = 0.66
    truth = F.one_hot(found.batch.labels, 3)
    wanted = {
        "closed_target": 0.5 * 16 * kl(q.log() * 4, found.closed, 4.0),
        "closed_ce": 2.0 * ce(found.closed, top),
        "open_target": 0.25 * 16 * kl((0.8 * (known / 4).softmax(1) + 0.2 * truth).log() * 4, found.open, 4.0),
        "open_ce": 3.0 * ce(found.open, found.batch.labels),
    }
    for part, value in wanted.items():
        assert found.values[part].item() == pytest.approx(value.item(), rel=1e-3), part


def test_the_nasty_teachers_loss_is_its_papers(made):
    found = made("nasty", omega=0.2, temperature=4.0)
    answers, known = found.out.detach().double(), found.original(found.batch.x)
    wanted = ce(answers, found.batch.labels) - 0.2 * 16 * kl(answers, known, 4.0)
    assert found.values["loss"].item() == pytest.approx(wanted.item(), rel=1e-4)


def test_the_random_twin_is_drawn_by_the_wraps_seed_and_is_not_the_original(made):
    found = made("sdb")
    logits, again = (found.case.twin()(found.batch) for _ in range(2))
    assert torch.equal(logits, again)
    other = dataclasses.replace(found.case, seed=6).twin()(found.batch)
    assert not torch.allclose(logits, other, atol=1e-3)
    assert not torch.allclose(logits.double(), found.original(found.batch.x), atol=1e-3)


def test_the_random_twin_is_no_start_of_the_original_nor_of_the_box(made, architecture):
    """With one seed for all: an original that learned nothing, and a box from scratch."""
    found = made("sdb")
    twin, seed = found.case.twin()(found.batch), found.case.seed
    starts = [new_student(architecture, seed=drawn, device=CPU) for drawn in (seed, mixed_seed(seed, "start", 0))]
    assert not any(torch.allclose(twin, start.eval()(found.batch.x), atol=1e-3) for start in starts)


def test_the_random_twin_answers_each_image_by_itself(made):
    """As in eval mode; in training mode batch norm would show it the others."""
    found = made("sdb", augment="shift")
    twin, batch = found.case.twin(), found.batch
    alone = Batch(batch.index[:1], batch.x[:1], batch.labels[:1], batch.generator)
    assert torch.allclose(twin(batch)[:1], twin(alone), atol=1e-6)


@pytest.mark.parametrize("policy", [*OBJECTIVES])
def test_one_seed_makes_one_box_of_each_policy_and_another_seed_another(splits, key, architecture, policy):
    torch.manual_seed(0)
    original = architecture.build().eval()
    settings = WrapSettings.for_policy(policy, {"epochs": 1, "batch_size": 32, "augment": "shift-flip", "lr": 1e-3})
    settings = dataclasses.replace(settings, start="scratch", closed_ce=2.0)
    boxes = [_box(policy, original, splits, key, settings, architecture=architecture, seed=seed) for seed in (1, 1, 2)]
    assert all(torch.equal(boxes[0][name], boxes[1][name]) for name in boxes[0])
    assert any(not torch.equal(boxes[0][name], boxes[2][name]) for name in boxes[0])


def _box(policy, original, splits, key, settings, *, architecture, seed) -> dict[str, Tensor]:
    facts = {"policy": policy, "settings": settings, "architecture": architecture}
    return wrap(original, splits.train, key, run=Run("wrap", seed), **facts).net.state_dict()
