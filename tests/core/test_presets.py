"""Presets build valid settings, say what the papers and their code say, and stand under a user's own values."""

import json

import pytest

from sdb_core.datasets import open_dataset
from sdb_core.errors import InvalidSettings
from sdb_core.nets import names
from sdb_core.normalise import Normalisation
from sdb_core.settings import POLICIES, EvaluationSettings, StudentSettings, TrainingSettings, WrapSettings
from sdb_core.settings.data_presets import DATA_PRESETS, data_preset
from sdb_core.settings.presets import PRESETS, over_preset, preset
from sdb_core.training import learning_rate


def wrapped(name: str, policy: str = "sdb") -> WrapSettings:
    return WrapSettings.for_policy(policy, {"preset": name})


def student(name: str, architecture: str) -> StudentSettings:
    return StudentSettings.from_dict(over_preset({"preset": name}, "student", of=architecture))


def original(name: str) -> TrainingSettings:
    return TrainingSettings.from_dict(over_preset({"preset": name}, "original"))


def rates_by_epoch(settings: TrainingSettings) -> dict[int, float]:
    """The epochs at which the rate changes, and to what."""
    rates = [learning_rate(step, total=settings.epochs, settings=settings) for step in range(settings.epochs)]
    return {
        epoch: round(rate, 9)
        for epoch, rate in enumerate(rates)
        if epoch == 0 or rate != pytest.approx(rates[epoch - 1])
    }


def test_the_presets_are_those_of_the_documents():
    named = {"paper-cifar10", "paper-cifar100", "authors-code", "nasty-tiny-imagenet", "photographs", "quick"}
    assert set(PRESETS) == named
    assert set(DATA_PRESETS) == {"cifar10", "cifar100", "tiny-imagenet", "digits"}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_builds_valid_settings_that_survive_json(name):
    built = [original(name), *(student(name, net) for net in names()), *(wrapped(name, policy) for policy in POLICIES)]
    built.append(EvaluationSettings.from_dict(over_preset({"preset": name}, "evaluation")))
    for settings in built:
        assert type(settings).from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_never_trains_a_box_that_is_not_wrapped(name):
    assert wrapped(name, "normal") == WrapSettings.for_policy("normal")


@pytest.mark.parametrize(("name", "heat"), [("paper-cifar10", 4.0), ("paper-cifar100", 20.0)])
def test_the_papers_text_is_followed(name, heat):
    box = wrapped(name)
    assert (box.optimiser, box.lr, box.momentum, box.epochs, box.lam) == ("sgd", 0.1, 0.9, 200, 0.5)
    assert (box.temperature, student(name, "sdb:cnn").temperature) == (heat, heat)
    assert wrapped(name, "nasty").temperature == heat


@pytest.mark.parametrize(
    ("name", "epochs", "rates", "omega"),
    [
        ("paper-cifar10", 160, {0: 0.1, 80: 0.01, 120: 0.001}, 0.04),
        ("paper-cifar100", 200, {0: 0.1, 60: 0.02, 120: 0.004, 160: 0.0008}, 0.005),
        ("nasty-tiny-imagenet", 200, {0: 0.1, 60: 0.02, 120: 0.004, 160: 0.0008}, 0.01),
    ],
)
def test_the_nasty_teachers_code_is_followed(name, epochs, rates, omega):
    nasty, net = wrapped(name, "nasty"), student(name, "sdb:resnetc20")
    for settings in (nasty, net, original(name)):
        assert (settings.epochs, settings.batch_size, settings.weight_decay) == (epochs, 128, 5e-4)
        assert (settings.augment, settings.clip, settings.min_steps) == ("shift-flip", 0.0, 0)
        assert rates_by_epoch(settings) == pytest.approx(rates)
    assert (nasty.omega, wrapped(name, "nasty-ke").omega, net.alpha) == (omega, omega, 0.9)


def test_the_papers_plain_cnn_learns_with_adam_at_a_rate_that_never_falls():
    cnn = student("paper-cifar10", "sdb:cnn")
    assert (cnn.optimiser, cnn.epochs, cnn.batch_size, cnn.weight_decay) == ("adam", 100, 128, 0.0)
    assert rates_by_epoch(cnn) == {0: 0.001}


def test_the_authors_code_is_followed():
    box = wrapped("authors-code")
    assert (box.lam, box.omega, box.temperature, box.start) == (0.9, 1.0, 4.0, "scratch")
    assert (box.closed_ce, box.open_ce, box.rectify, box.away_weight) == (2.0, 1.0, True, 0.01)
    assert (box.main_weight, box.eta, box.aug_temperature) == (128.0, pytest.approx(0.256), 0.0)
    assert (box.optimiser, box.momentum, box.weight_decay, box.epochs) == ("sgd", 0.9, 5e-4, 200)
    assert rates_by_epoch(box) == pytest.approx({0: 0.1, 80: 0.01, 120: 0.001})


def test_the_data_presets_are_the_codes_own():
    for name in ("cifar10", "cifar100"):
        data = data_preset(name)
        assert (data.mean, data.std) == ((0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261))
    tiny = data_preset("tiny-imagenet")
    assert (tiny.mean, tiny.std) == ((0.4802, 0.4481, 0.3975), (0.2302, 0.2265, 0.2262))
    assert (tiny.temperature, tiny.disturbance_temperature, tiny.nasty_omega) == (20.0, 20.0, 0.01)


@pytest.mark.parametrize(
    ("name", "data"),
    [("paper-cifar10", "cifar10"), ("paper-cifar100", "cifar100"), ("nasty-tiny-imagenet", "tiny-imagenet")],
)
def test_each_data_set_of_the_papers_has_a_recipe_at_its_temperatures(name, data):
    found = data_preset(data)
    assert preset(name).data == found
    for policy in ("sdb", "ke", "nasty", "nasty-ke"):
        assert wrapped(name, policy).temperature == found.disturbance_temperature
    assert {wrapped(name, policy).lam for policy in ("sdb", "ke", "nasty-ke")} == {0.5}
    assert student(name, "sdb:shufflenetv2").temperature == found.temperature


def test_the_digits_scale_is_the_measured_one():
    data = data_preset("digits")
    assert Normalisation.measured(open_dataset("builtin:digits").train.images) == Normalisation(data.mean, data.std)


def test_a_users_own_values_stand_over_the_presets():
    box = WrapSettings.for_policy("sdb", {"preset": "authors-code", "lam": 0.6, "epochs": 3})
    assert (box.lam, box.epochs, box.omega) == (0.6, 3, 1.0)
    quick = WrapSettings.for_policy("sdb-hardened", {"preset": "quick", "epochs": 3})
    assert (quick.epochs, quick.min_steps) == (3, 0)
    assert student("quick", "sdb:cnn").epochs < StudentSettings().epochs


def test_values_without_a_preset_are_left_alone():
    assert over_preset({"lam": 0.6}, "wrap", of="sdb") == {"lam": 0.6}


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(InvalidSettings, match="did you mean 'paper-cifar10'"):
        WrapSettings.for_policy("sdb", {"preset": "paper-cifar1"})
    with pytest.raises(InvalidSettings, match="known are authors-code, nasty-tiny-imagenet, paper-cifar10"):
        preset("zzz")
    with pytest.raises(InvalidSettings, match="no preset"):
        WrapSettings.for_policy("sdb", {"preset": ["quick"]})
    with pytest.raises(InvalidSettings, match="did you mean 'cifar100'"):
        data_preset("cifar-100")
