"""Queries that the box was not wrapped on: shifted images, crops of two photographs, drawings made by chance."""

from sdb_core.attacks.attack import Attack
from sdb_core.attacks.soft_answers import prepare

ATTACKS = (
    Attack(
        name="shifted-queries",
        about="Usual distillation on shifted images, which the box has not seen so.",
        interface="probabilities",
        prepare=prepare,
        level="full",
        images="shifted",
    ),
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
