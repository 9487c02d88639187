"""Queries that are not the task's: crops of two photographs, and drawings made by chance (data-free)."""

from sdb_core.attacks.attack import Attack
from sdb_core.attacks.soft_answers import prepare

ATTACKS = (
    Attack(
        name="out-of-distribution",
        about="Usual distillation on crops of two photographs (after Asano & Saeed, arXiv 2112.00725).",
        interface="probabilities",
        prepare=prepare,
        truth=False,
        level="full",
        images="photographs",
    ),
    Attack(
        name="data-free",
        about="Usual distillation on drawn dead-leaves images (black box: no data, no gradient, no generator).",
        interface="probabilities",
        prepare=prepare,
        truth=False,
        level="full",
        images="drawings",
    ),
)
