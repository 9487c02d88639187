"""Usual distillation by who has no data at all and draws its queries (dead leaves, arXiv 2106.05963).

What the literature calls data-free trains a generator of queries: through the teacher's gradient (as Ma et al. 2021 and
Kundu et al. 2021 do to a nasty teacher), which takes the weights, or through gradients that are estimated from millions
of answers. Neither is run here: the queries are fixed before the box is asked, as many as there are training images.
"""

from sdb_core.attacks.attack import Attack
from sdb_core.attacks.soft_answers import prepare

ATTACKS = (
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
