"""Usual distillation by who has half of the images."""

from sdb_core.attacks.attack import Attack
from sdb_core.attacks.soft_answers import prepare

ATTACKS = (
    Attack(
        name="half-data",
        about="Usual distillation of the closed answers on half of the images.",
        interface="probabilities",
        prepare=prepare,
        images="half",
    ),
)
