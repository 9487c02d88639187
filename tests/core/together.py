"""What each of two processes does in `test_training_together.py`: run as `torchrun ... together.py FOLDER`."""

import json
import sys
from pathlib import Path

import torch
from torch import nn

from sdb_core.__main__ import main as command
from sdb_core.checkpoints import load_state, save_weights
from sdb_core.distillation import fit, label_objective
from sdb_core.errors import TrainingDiverged, TrainingStopped
from sdb_core.keys import Key
from sdb_core.nets import Architecture
from sdb_core.normalise import Normalisation
from sdb_core.observer import SilentObserver
from sdb_core.settings import TrainingSettings, WrapSettings
from sdb_core.training import Run, Team, joined_team, train
from sdb_core.wrapping import wrap
from tests.core.conftest import bars

IMAGES = bars(96, seed=0)
SCALE = Normalisation.of([0.4], [0.3])
SETTINGS = TrainingSettings(epochs=4, batch_size=16, augment="shift-flip", optimiser="sgd", lr=0.05)


class Told(SilentObserver):
    """Remembers what it is told; asks to stop after so many steps."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.heard: list[str] = []
        self.left = stop_after

    def metrics(self, stage, step, values) -> None:
        self.heard.append(f"step {step}")

    def checkpoint(self, path) -> None:
        self.heard.append(path.name)

    def should_stop(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0


def plain_net(seed: int = 0) -> nn.Module:
    """No batch norm: what it learns does not depend on how a batch is cut."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


def batch_norm_net() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Architecture("sdb:cnn-mini", 3, 1, 8, 8).build()


def learn(net: nn.Module, run: Run, settings: TrainingSettings = SETTINGS) -> nn.Module:
    fit(net, IMAGES, normalisation=SCALE, settings=settings, run=run)
    return net


class PlainArchitecture(Architecture):
    """The net without batch norm, for a wrap."""

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


NORM, PLAIN = Architecture("sdb:cnn-mini", 3, 1, 8, 8), PlainArchitecture("plain", 3, 1, 8, 8)
BOXES = {"hardened": (NORM, "sdb-hardened"), "sdb": (NORM, "sdb"), "sdb-plain": (PLAIN, "sdb")}


def box_of(name: str, team: Team, *, accumulate: int = 1) -> nn.Module:
    """A box of an original that learned for a moment; every process makes the same original by itself."""
    architecture, policy = BOXES[name]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        original = learn(architecture.build(), Run("o", 1))
    generator = torch.Generator().manual_seed(7)
    key = Key.random((1, 8, 8), mean=SCALE.mean, std=SCALE.std, lam=0.7, generator=generator)
    values = {**{"epochs": 2, "batch_size": 16, "lr": 0.01, "augment": "shift-flip"}, "accumulate": accumulate}
    settings = WrapSettings.for_policy(policy, values)
    run = Run("w", 1, team=team)
    return wrap(original, IMAGES, key, policy=policy, settings=settings, architecture=architecture, run=run).net


def stopped_and_resumed(folder: Path, team: Team) -> dict[str, object]:
    """The leader's observer alone asks to stop; then both go on, the second from other weights."""
    path = folder / "state.pt"
    try:
        learn(plain_net(), Run("t", 1, observer=Told(stop_after=7), state_path=path, team=team))
    except TrainingStopped as error:
        said = error.message
    learned = learn(plain_net(seed=team.rank), Run("t", 1, state_path=path, team=team))
    save_weights(learned, folder / f"resumed-{team.rank}.safetensors")
    return {"stopped": said, "steps": load_state(path)["step"]}


def diverged(folder: Path, team: Team) -> str:
    """The loss of the second process alone becomes NaN."""
    net, path = plain_net(), folder / "diverged.pt"
    told = label_objective(net, smoothing=0.0)

    def objective(batch):
        return {"loss": told(batch)["loss"] * (float("nan") if team.rank == 1 else 1.0)}

    run = Run("t", 1, state_path=path, team=team)
    try:
        train(net, objective, IMAGES, normalisation=SCALE, settings=SETTINGS, run=run)
    except TrainingDiverged as error:
        return f"{error.code} {path.exists()}"
    return "trained to the end"


def wrapped(folder: Path) -> dict[str, int]:
    """The exit codes of the command line: one that it trains with, one that is for one process."""
    model = ["--model", str(folder / "model.safetensors")]
    settings = [f"--set={value}" for value in ("epochs=1", "min_steps=0", "batch_size=256")]
    wrap = ["wrap", *model, "--policy", "ke", "--out", str(folder / "box"), "--json", *settings]
    judge = ["evaluate", *model, "--box", str(folder / "box")]
    return {"wrap": command(wrap), "evaluate": command(judge)}


def main(folder: Path) -> None:
    with joined_team("cpu") as (team, device):
        observer = Told()
        unlike = plain_net(seed=team.rank)  # both start from the leader's weights
        learned = learn(unlike, Run("t", 1, observer=observer, state_path=folder / f"{team.rank}.pt", team=team))
        save_weights(learned, folder / f"plain-{team.rank}.safetensors")
        save_weights(learn(batch_norm_net(), Run("t", 1, team=team)), folder / f"norm-{team.rank}.safetensors")
        for name in BOXES:
            save_weights(box_of(name, team), folder / f"box-{name}-{team.rank}.safetensors")
        found = {"size": team.size, "device": device, "heard": observer.heard}
        found |= stopped_and_resumed(folder, team) | {"diverged": diverged(folder, team)} | wrapped(folder)
        (folder / f"{team.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
