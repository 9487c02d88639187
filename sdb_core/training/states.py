"""The state from which a training run goes on: net, optimiser, random numbers, position and history."""

import hashlib
import json
from typing import Any

import torch
from torch import nn

from sdb_core.checkpoints import load_state
from sdb_core.errors import CheckpointError
from sdb_core.settings import TrainingSettings
from sdb_core.training.batches import mixed_seed
from sdb_core.training.run import History, Run


def fingerprint(net: nn.Module, *, images: int, batch_size: int, settings: TrainingSettings, run: Run) -> str:
    """What must agree for a state to belong to a run over so many `images`."""
    shapes = [(name, list(value.shape)) for name, value in net.state_dict().items()]
    chosen = {name: value for name, value in settings.to_dict().items() if name != "checkpoint_seconds"}
    facts = [run.stage, run.seed, images, batch_size, chosen, shapes]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def packed(
    net: nn.Module, optimiser: torch.optim.Optimizer, *, fingerprint: str, step: int, history: History, run: Run
) -> dict[str, Any]:
    """The state after `step` steps, as `checkpoints.save_state` takes it."""
    state: dict[str, Any] = {
        "fingerprint": fingerprint,
        "step": step,
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "rng": torch.get_rng_state(),
        "history": history,
    }
    if run.device.type == "cuda":
        state["cuda_rng"] = torch.cuda.get_rng_state(run.device)
    return state


def found_state(run: Run, *, fingerprint: str) -> dict[str, Any] | None:
    """The leader's state file, on every process of the team; None unless it is there, sound, and of this very run."""
    state = _read(run) if run.team.leads else None
    if state is not None and state.get("fingerprint") != fingerprint:
        state = None
    return run.team.told(state)


def restore(state: dict[str, Any], net: nn.Module, optimiser: torch.optim.Optimizer, *, run: Run) -> None:
    """Put net, optimiser and random numbers back."""
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    if not run.team.leads:
        torch.manual_seed(mixed_seed(run.seed, f"rank {run.team.rank}", state["step"]))
        return
    torch.set_rng_state(state["rng"])
    if "cuda_rng" in state and run.device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda_rng"], run.device)


def _read(run: Run) -> dict[str, Any] | None:
    if run.state_path is None or not run.state_path.is_file():
        return None
    try:
        return load_state(run.state_path)
    except CheckpointError:
        return None  # a damaged state costs the work done so far, never the job
