"""A program goes the way of every net: wrapped, its box saved and opened again, distilled, exported."""

import pytest
import torch

from sdb_core.answers import logits_of
from sdb_core.checkpoints import load_weights, save_weights
from sdb_core.distillation import distill, fit, new_student
from sdb_core.evaluation import accuracy
from sdb_core.nets import Architecture
from sdb_core.settings import StudentSettings, TrainingSettings, WrapSettings
from sdb_core.training import Run
from sdb_core.wrapping import wrap
from tests.core.programs.making import CLASSES, SHAPE, Tiny, exported, opened
from worker.child.export import export

CPU = torch.device("cpu")


@pytest.mark.parametrize(("captured", "policy"), [("eval", "sdb-hardened"), ("train", "sdb")])
def test_a_program_is_wrapped_saved_distilled_and_exported(captured, policy, splits, key, normalisation, tmp_path):
    program = opened(exported(Tiny().train(captured == "train")), tmp_path)
    architecture = Architecture("program", CLASSES, *SHAPE, source=program)
    original = new_student(architecture, seed=0, device=CPU)
    plain = TrainingSettings(epochs=8, batch_size=16, lr=0.01)
    fit(original, splits.train, normalisation=normalisation, settings=plain, run=Run("t", 0))
    save_weights(original, tmp_path / "model.safetensors")
    before = {name: tensor.clone() for name, tensor in original.state_dict().items()}

    settings = WrapSettings.for_policy(policy, {"epochs": 4, "min_steps": 0, "batch_size": 16})
    run = Run("wrap", 3)
    result = wrap(original, splits.train, key, policy=policy, settings=settings, architecture=architecture, run=run)
    assert all(torch.equal(tensor, before[name]) for name, tensor in original.state_dict().items())
    moved = {name for name, tensor in result.net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == before.keys(), "every weight and statistic of the box has learned"

    save_weights(result.net, tmp_path / "box.safetensors")
    box = architecture.build()
    load_weights(tmp_path / "box.safetensors", box)
    box.eval()
    scale = {"normalisation": normalisation}
    assert torch.equal(logits_of(box, splits.test, **scale), logits_of(result.net, splits.test, **scale))

    for student in ("program", "sdb:cnn-mini"):
        net = new_student(architecture.named(student), seed=1, device=CPU)
        teaching = StudentSettings(epochs=8, batch_size=16, lr=0.01)
        distill(net, box, splits.train, settings=teaching, run=Run("s", 1), key=key, **scale)
        assert accuracy(net, splits.test, **scale) > 60
    assert export(box, architecture, tmp_path / "box.onnx") < 1e-4
