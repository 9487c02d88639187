"""Students: taught by a teacher, by labels, or by both; all through the one training loop."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core import losses
from sdb_core.answers import Answers, teacher_answers
from sdb_core.datasets.images import LabelledImages
from sdb_core.keys import Key
from sdb_core.nets.registry import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import StudentSettings, TrainingSettings
from sdb_core.training import Batch, History, Objective, Run, train


def new_student(architecture: Architecture, *, seed: int, device: torch.device) -> nn.Module:
    """A net with random weights that depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return architecture.build().to(device)


def fit(
    net: nn.Module,
    images: LabelledImages,
    *,
    normalisation: Normalisation,
    settings: TrainingSettings,
    run: Run,
    smoothing: float = 0.0,
) -> History:
    """Teach `net` the images' labels with cross entropy; `smoothing` > 0 smooths them."""
    objective = label_objective(net, smoothing=smoothing)
    return train(net, objective, images, normalisation=normalisation, settings=settings, run=run)


def distill(
    student: nn.Module,
    teacher: nn.Module,
    images: LabelledImages,
    *,
    normalisation: Normalisation,
    settings: StudentSettings,
    run: Run,
    key: Key | None = None,
) -> History:
    """Teach `student` what `teacher` answers (Eqs. 2 and 3 of arXiv 2112.03695).

    With the `key` the teacher is asked on x~ while the student learns on x: the authorised student.
    `student` is changed in place; the teacher is frozen. Raises KeyShapeMismatch and what `training.train` raises.
    """
    answers = teacher_answers(teacher.to(run.device), images, normalisation=normalisation, settings=settings, key=key)
    objective = soft_objective(student, answers, settings=settings)
    return train(student, objective, images, normalisation=normalisation, settings=settings, run=run)


def label_objective(net: nn.Module, *, smoothing: float) -> Objective:
    """CE with the (smoothed) labels."""

    def objective(batch: Batch) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(net(batch.x).float(), batch.labels, label_smoothing=smoothing)}

    return objective


def soft_objective(student: nn.Module, answers: Answers, *, settings: StudentSettings) -> Objective:
    """(1 - alpha) CE with the labels + alpha KL with the teacher's softened answers."""

    def objective(batch: Batch) -> dict[str, Tensor]:
        loss = losses.student_loss(
            student(batch.x).float(),
            answers(batch),
            batch.labels,
            alpha=settings.alpha,
            temperature=settings.temperature,
        )
        return {"loss": loss}

    return objective


def named_label_objective(student: nn.Module, answers: Answers, *, alpha: float) -> Objective:
    """(1 - alpha) CE with the labels + alpha CE with the class that the teacher names: labels are all it gives away."""

    def objective(batch: Batch) -> dict[str, Tensor]:
        logits = student(batch.x).float()  # [B, C]
        named = answers(batch).argmax(dim=1)  # [B]
        return {"loss": (1 - alpha) * F.cross_entropy(logits, batch.labels) + alpha * F.cross_entropy(logits, named)}

    return objective
