"""One tiny box, made once, and what an attacker of it needs."""

import pytest
import torch

from sdb_core.attacks import Attack, Scene
from sdb_core.datasets import Splits
from sdb_core.distillation import fit, new_student
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.settings import EvaluationSettings, StudentSettings, TrainingSettings, WrapSettings
from sdb_core.students import Classroom
from sdb_core.subject import Subject
from sdb_core.training import Run
from sdb_core.wrapping import wrap
from tests.core.conftest import bars

SETTINGS = EvaluationSettings(
    level="full",
    seeds=1,
    student="sdb:cnn-small",
    compare=(),
    student_settings=StudentSettings(epochs=1, batch_size=32),
)
RUN = Run("attack", 3)


@pytest.fixture(scope="package")
def subject() -> Subject:
    """A box of three classes of 8x8 images, wrapped shortly."""
    torch.set_num_threads(1)
    architecture, normalisation = Architecture("sdb:cnn-mini", 3, 1, 8, 8), Normalisation.of([0.4], [0.3])
    splits = Splits(train=bars(96, seed=0), test=bars(30, seed=1))
    original = new_student(architecture, seed=0, device=torch.device("cpu"))
    training = TrainingSettings(epochs=4, batch_size=16)
    fit(original, splits.train, normalisation=normalisation, settings=training, run=Run("t", 0))
    generator = torch.Generator().manual_seed(7)
    key = Key.random((1, 8, 8), mean=normalisation.mean, std=normalisation.std, lam=0.7, generator=generator)
    settings = WrapSettings.for_policy("sdb-hardened", {"epochs": 2})
    box = wrap(
        original,
        splits.train,
        key,
        policy="sdb-hardened",
        settings=settings,
        architecture=architecture,
        run=Run("wrap", 0),
    )
    return Subject(original, box.net, key, splits, architecture, "sdb-hardened", settings, 0, box.history, "ab" * 32)


@pytest.fixture
def room(subject) -> Classroom:
    return Classroom(subject, SETTINGS, run=RUN)


@pytest.fixture
def scene(room):
    """A scene for an attack of these properties."""

    def made(**properties: object) -> Scene:
        given = {"name": "test", "about": "", "interface": "probabilities", "prepare": lambda scene: None} | properties
        return Scene(room, Attack(**given))

    return made
