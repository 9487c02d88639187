"""Settings are checked when built and say what to do instead."""

import json

import pytest

from sdb_core.errors import InvalidSettings
from sdb_core.settings import POLICIES, EvaluationSettings, StudentSettings, TrainingSettings, WrapSettings


@pytest.mark.parametrize("policy", POLICIES)
def test_the_defaults_of_every_policy_survive_json(policy):
    settings = WrapSettings.for_policy(policy)
    assert WrapSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_who_names_the_epochs_of_a_wrap_gets_these_alone():
    assert WrapSettings.for_policy("sdb", {"epochs": 2}).min_steps == 0
    assert WrapSettings.for_policy("sdb", {"epochs": 2, "min_steps": 9}).min_steps == 9
    assert WrapSettings.for_policy("sdb").min_steps > 0


def test_nested_settings_survive_json():
    settings = EvaluationSettings(seeds=2, compare=("sdb", "nasty"), student_settings=StudentSettings(epochs=3))
    assert EvaluationSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TrainingSettings, {"epochs": -1}),
        (TrainingSettings, {"epochs": 1.5}),
        (TrainingSettings, {"epochs": True}),
        (TrainingSettings, {"batch_size": 1}),
        (TrainingSettings, {"lr": 0}),
        (TrainingSettings, {"lr": "fast"}),
        (TrainingSettings, {"momentum": 1.0}),
        (TrainingSettings, {"optimiser": "lion"}),
        (TrainingSettings, {"accumulate": 0}),
        (TrainingSettings, {"compile": "yes"}),
        (TrainingSettings, {"schedule": "stairs"}),
        (TrainingSettings, {"gamma": 0}),
        (TrainingSettings, {"milestones": [0.75, 0.5]}),
        (TrainingSettings, {"milestones": [0.5, 0.5]}),
        (TrainingSettings, {"milestones": [80, 120]}),
        (TrainingSettings, {"milestones": 0.5}),
        (TrainingSettings, {"milestones": ["0.5"]}),
        (TrainingSettings, {"clip": float("nan")}),
        (WrapSettings, {"lam": 1.0}),
        (WrapSettings, {"temperature": 0}),
        (WrapSettings, {"temperature": -4.0}),
        (WrapSettings, {"top_share": 0.4, "decoy_share": 0.5}),
        (WrapSettings, {"top_share": 0.7, "decoy_share": 0.4}),
        (WrapSettings, {"omega": -1}),
        (StudentSettings, {"alpha": 1.1}),
        (EvaluationSettings, {"seeds": 0}),
        (EvaluationSettings, {"level": "endless"}),
        (EvaluationSettings, {"compare": "sdb"}),
        (EvaluationSettings, {"compare": ["other"]}),
        (EvaluationSettings, {"student": 3}),
        (EvaluationSettings, {"attacks": [3]}),
        (EvaluationSettings, {"student_settings": 3}),
        (EvaluationSettings, {"student_settings": None}),
    ],
)
def test_values_out_of_range_are_refused_by_name(kind, values):
    with pytest.raises(InvalidSettings, match=next(iter(values)) if "compare" not in values else "polic"):
        kind.from_dict(values)


def test_an_unknown_name_is_refused_with_a_near_one():
    with pytest.raises(InvalidSettings, match="epochs"):
        WrapSettings.from_dict({"epoch": 3})


@pytest.mark.parametrize(
    ("name", "ours"),
    [("lambda", "lam"), ("T", "temperature"), ("T_dis", "temperature"), ("T_aug", "aug_temperature")],
)
def test_who_uses_a_papers_name_is_told_ours(name, ours):
    with pytest.raises(InvalidSettings, match=f"did you mean '{ours}'"):
        WrapSettings.from_dict({name: 4.0})


def test_a_papers_name_for_what_these_settings_lack_is_answered_with_those_they_have():
    with pytest.raises(InvalidSettings, match=r"did you mean 'gamma'|known are .*gamma"):
        TrainingSettings.from_dict({"lambda": 0.5})


@pytest.mark.parametrize("value", [1, 0, 1.0, "True", None, []])
def test_a_switch_is_true_or_false_and_nothing_that_equals_them(value):
    with pytest.raises(InvalidSettings, match=r"^disturbance is .*; choose one of true, false\.$"):
        WrapSettings.for_policy("sdb", {"disturbance": value})


@pytest.mark.parametrize("given", [3, None, "lr=0.1", [{"lr": 0.1}]])
def test_students_settings_that_are_no_settings_are_refused(given):
    with pytest.raises(InvalidSettings, match=r"^student_settings is .*by their names, as"):
        EvaluationSettings.asked({"preset": "quick", "student_settings": given})


@pytest.mark.parametrize("policy", ["", "sdb-softened", "magic"])
def test_a_policy_that_does_not_exist_is_refused(policy):
    with pytest.raises(InvalidSettings, match="choose one of sdb-hardened"):
        WrapSettings.for_policy(policy)


def test_evidence_of_a_preset_stands_under_what_is_named():
    found = EvaluationSettings.asked({"preset": "paper-cifar100", "seeds": 2, "student_settings": {"lr": 0.5}})
    assert (found.student, found.seeds, found.level) == ("sdb:shufflenetv2", 2, "standard")
    assert (found.student_settings.lr, found.student_settings.temperature) == (0.5, 20.0)
    assert EvaluationSettings.asked({"preset": "quick", "compare": ["ke"]}).compare == ("ke",)
    assert EvaluationSettings.asked({}) == EvaluationSettings()
