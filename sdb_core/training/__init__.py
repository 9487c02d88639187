"""Training: one loop for wrapping, distilling and plain training, which differ only in their objective."""

from sdb_core.training.batches import generator_on
from sdb_core.training.distributed import Team, joined_team
from sdb_core.training.loop import train
from sdb_core.training.rates import learning_rate
from sdb_core.training.run import CPU, Batch, History, Objective, Run

__all__ = [
    "CPU",
    "Batch",
    "History",
    "Objective",
    "Run",
    "Team",
    "generator_on",
    "joined_team",
    "learning_rate",
    "train",
]
