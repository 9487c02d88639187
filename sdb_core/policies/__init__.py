"""What each policy minimises: one file for each family, objectives for the one training loop."""

from collections.abc import Callable

from sdb_core.policies import hardened, nasty, paper
from sdb_core.policies.case import Case
from sdb_core.training import Objective

OBJECTIVES: dict[str, Callable[[Case], Objective]] = {
    "sdb-hardened": hardened.objective,
    "sdb": paper.objective,
    "ke": paper.objective,
    "nasty": nasty.objective,
    "nasty-ke": nasty.objective_with_key,
}

__all__ = ["OBJECTIVES", "Case"]
