"""The original and the box beside each other on the same test images."""

import pytest
import torch
from torch import nn

from sdb_core.datasets import LabelledImages
from sdb_core.distillation import new_student
from sdb_core.evaluation import accuracy, agreement
from sdb_core.report import make_report
from sdb_core.settings import EvaluationSettings, WrapSettings
from sdb_core.subject import Subject, weights_digest
from sdb_core.training import Run

CPU = torch.device("cpu")


class Names(nn.Module):
    """A net that names the classes it is given, whatever it is asked."""

    def __init__(self, classes: list[int]) -> None:
        super().__init__()
        self.certain = nn.Parameter(torch.tensor(1.0))
        self.classes = classes

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(torch.tensor(self.classes), 3) * self.certain


def test_each_image_is_counted_once_by_who_names_it_rightly(normalisation):
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    images = LabelledImages(torch.zeros(6, 1, 8, 8, dtype=torch.uint8), labels, ("a", "b", "c"))
    original, box = Names([0, 0, 1, 0, 0, 0]), Names([0, 1, 2, 1, 0, 1])
    assert agreement(original, box, images, normalisation=normalisation) == {
        "images": 6,
        "same_class": pytest.approx(33.333),
        "only_original_right": 2,
        "only_box_right": 1,
    }


def test_a_report_tells_it_and_it_goes_with_the_accuracies(splits, key, normalisation, architecture):
    original, box = (new_student(architecture, seed=seed, device=CPU).eval() for seed in (0, 1))
    settings = WrapSettings.for_policy("sdb-hardened")
    subject = Subject(original, box, key, splits, architecture, "sdb-hardened", settings, 0)
    report = make_report(subject, settings=EvaluationSettings(level="none"), run=Run("evaluate", 1))
    found = report["agreement"]
    lost = 100.0 * (found["only_original_right"] - found["only_box_right"]) / found["images"]
    assert lost == pytest.approx(
        accuracy(original, splits.test, normalisation=normalisation)
        - accuracy(box, splits.test, normalisation=normalisation),
        abs=1e-4,
    )
    assert "standard_error" in report["verdicts"]["fidelity"]
    assert report["provenance"]["images"] == {"train": 96, "test": 30}
    assert report["provenance"]["box_sha256"] == weights_digest(box) != weights_digest(original)
