"""Usual distillation by who has photographs of other things alone (after Asano & Saeed, arXiv 2112.00725).

Theirs are crops of one large photograph; here they are of scikit-learn's two, as many as there are training images.
"""

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
)
