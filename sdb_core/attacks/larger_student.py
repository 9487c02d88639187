"""Usual distillation into a student as large as the model."""

from sdb_core.attacks.attack import Attack
from sdb_core.attacks.soft_answers import prepare

ATTACKS = (
    Attack(
        name="larger-student",
        about="Usual distillation of the closed answers into a student of the model's own architecture.",
        interface="probabilities",
        prepare=prepare,
        level="full",
        large=True,
    ),
)
