"""Keys with a mark in the report: measured, read back, and told to the reader."""

import dataclasses
import json

import jsonschema
import pytest
import torch

from sdb_core import tracing
from sdb_core.distillation import new_student
from sdb_core.errors import ReportUnreadable
from sdb_core.evidence import read_report
from sdb_core.keys import Key
from sdb_core.report import SCHEMA_PATH, Subject, make_report
from sdb_core.report_page import limits
from sdb_core.settings import EvaluationSettings, WrapSettings
from sdb_core.training import Run
from tests.core.reports import full_report

SAID = {"share": 0.2, "noise": 1.2, "licenses": 100, "false_accusation": 1e-6}
READ = SAID | {"open": {"mean": 61.25, "std": 0.5, "seeds": 3}}


@pytest.fixture
def subject(splits, key, architecture) -> Subject:
    net = new_student(architecture, seed=0, device=torch.device("cpu"))
    settings = WrapSettings.for_policy("sdb-hardened")
    return Subject(net, net, key, splits, architecture, "sdb-hardened", settings, 0)


def report_of(subject: Subject) -> dict:
    return make_report(subject, settings=EvaluationSettings(level="none"), run=Run("evaluate", 1))


def test_a_marked_key_differs_from_the_key_by_its_share(normalisation):
    generator = torch.Generator().manual_seed(0)
    std = normalisation.std * 2
    key = Key.random((2, 64, 64), mean=(0.4, 0.4), std=std, lam=0.7, generator=generator)
    delta = tracing.marked(key, share=0.2, generator=generator).kappa - key.kappa
    assert float(delta.std() / key.kappa.std()) == pytest.approx(0.2, rel=0.05)
    assert abs(float(torch.corrcoef(torch.stack([delta.flatten(), key.kappa.flatten()]))[0, 1])) < 0.05


def test_the_report_says_what_keys_with_a_mark_cost_where_a_service_gives_them(subject):
    assert "tracing" not in report_of(subject)
    report = json.loads(json.dumps(report_of(dataclasses.replace(subject, tracing=SAID))))
    assert {name: report["tracing"][name] for name in SAID} == SAID
    assert report["tracing"]["open"]["seeds"] == 3
    assert abs(report["tracing"]["open"]["mean"] - report["accuracy"]["open"]["mean"]) < 20


def test_the_schema_knows_what_is_said_of_marks():
    schema = json.loads(SCHEMA_PATH.read_text())
    jsonschema.validate(full_report() | {"tracing": READ}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(full_report() | {"tracing": READ | {"open": 61.0}}, schema)


def test_the_page_tells_the_error_rates_where_keys_carry_marks():
    told = limits.listed(read_report(full_report() | {"tracing": READ}))
    assert "right on 61.2% of the test images" in told
    assert "at most 1.2 deviations" in told
    assert "at most 1e-06" in told
    assert "mark" not in limits.listed(read_report(full_report()))


@pytest.mark.parametrize("row", [[1], READ | {"noise": "much"}, SAID, READ | {"licenses": float("inf")}])
def test_what_is_no_word_on_marks_is_refused_by_its_place(row):
    with pytest.raises(ReportUnreadable, match="tracing"):
        read_report(full_report() | {"tracing": row})
