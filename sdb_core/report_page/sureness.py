"""How sure the numbers are: what stands behind each ±, what does not, and what picking the best of many does."""

import math
from html import escape
from statistics import NormalDist

from sdb_core.evidence import Evidence

_FEW = (
    "Each kind of student was taught {count} times, with other random starts and orders of the images; the same "
    "{count} starts serve every kind, and what an attack prepares (a key, a map, further networks) is prepared once. ± "
    "after an accuracy is the sample standard deviation of the {count}; ± after a difference is one standard error, as "
    "if both means were independent. {count} students tell a deviation only to within about {unsure:.0%} of it."
)
_SINGLE = (
    "One student of each kind was taught, so that nothing is known of the spread between students: no ± is given, and "
    "differences of a point or less may be chance."
)
_NOT_IN_IT = (
    "Not in any ±: another original, another key, another wrap (there is one of each, and another box of the same "
    "model may lie farther off than the ± shown), other training images, another test split."
)
_IMAGES = (
    "The test split has {images:,} images: one image is {one:.2f} points. Accuracies near {accuracy:.0f}% would move "
    "by about {error:.1f} points (one standard error) on other images of the kind, differences on the same images by "
    "less. The ± of fidelity is of this sort: over the test images, which both networks share, and not over seeds."
)
_BEST = (
    "The strongest attack is the best of {count} noisy rows, which reads too high: were all {count} exactly at their "
    "floors, the best would by chance end about {by_chance:.1f} standard errors over. The floor, the better of two "
    "noisy means, reads too high as well, by less. No correction was made for either."
)
_LIMITS = (
    "The limits of the verdicts are conventions: constants of the program, the same for every model and data set, not "
    "derived from a theory and not chosen for this box. A verdict compares the number alone with its limit; where the "
    "limit lies within two standard errors, its card says so."
)


def listed(evidence: Evidence) -> str:
    """What a reader has to know of the numbers before they compare them."""
    said = [*_seeds(evidence), _NOT_IN_IT, *_images(evidence)]
    if len(evidence.strangers) > 1:
        count = len(evidence.strangers)
        said.append(_BEST.format(count=count, by_chance=best_by_chance(count)))
    if evidence.verdicts:
        said.append(_LIMITS)
    return "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in said) + "</ul>"


def best_by_chance(count: int) -> float:
    """The expected largest of `count` independent standard normal numbers (Blom's approximation)."""
    return NormalDist().inv_cdf((count - 0.375) / (count + 0.25))


def _seeds(evidence: Evidence) -> list[str]:
    if not evidence.students:
        return []
    count = min(value.seeds for value in evidence.students.values())
    if count == 1:
        return [_SINGLE]
    return [_FEW.format(count=count, unsure=1 / math.sqrt(2 * (count - 1)))]


def _images(evidence: Evidence) -> list[str]:
    """How much one test image weighs, and the binomial error of the original's accuracy."""
    original = evidence.accuracy.get("original")
    if evidence.agreement is None or original is None:
        return []
    images, share = evidence.agreement.images, min(max(original.mean / 100.0, 0.0), 1.0)
    error = 100.0 * math.sqrt(share * (1.0 - share) / images)
    return [_IMAGES.format(images=images, one=100.0 / images, accuracy=original.mean, error=error)]
