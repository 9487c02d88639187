"""Usual distillation by who asks about its images shifted: near the box's own, and not those it was wrapped on."""

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
)
