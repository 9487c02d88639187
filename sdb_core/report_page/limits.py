"""What a report does not show: said in the report itself, for a reader who has nothing else."""

from html import escape

from sdb_core.evidence import NOTHING, WEIGHTS, Evidence, Tracing

_LABELS = (
    "Labels are the floor. Whoever may ask for predictions can train on the classes that are named. No defence that "
    "keeps its predictions right can prevent that, so an attack is judged by how far it rises over this floor."
)
_WEIGHTS_MEASURED = (
    "Whoever holds the box's weights is not stopped: the rows under weights show what that is worth. A key can be "
    "computed from the weights; only a hosted license, which gives out neither weights nor key, answers that."
)
_WEIGHTS_NOT_MEASURED = (
    "Whoever holds the box's weights is not stopped, and no such attack was run for this report. A key can be computed "
    "from the weights; only a hosted license, which gives out neither weights nor key, answers that."
)
_KNOWN = (
    "Only known attacks were run, {count} of them without key and weights, each with the students' usual settings: "
    "none was tuned against this box, and none searched for a key by asking. An attack that is not in the table may do "
    "better. Students that are right less than half as often as the box, and less often than from scratch, are shown "
    "and not judged."
)
_LEVEL = (
    "The level of evidence was {level}, and the attacks of {more} were not run. A report of a higher level may judge "
    "the same box otherwise."
)
_HIGHER = {"quick": "the levels standard and full", "standard": "the level full"}
_CHOSEN = (
    "The attacks were named by whoever asked for this report ({named}); it says nothing of others, which may do better."
)
_TUNED = (
    "The settings of sdb-hardened were chosen by its makers on digits (its defaults) and on CIFAR-10 (the preset "
    "photographs), whose test images were looked at on the way: on these two data sets the numbers may flatter it."
)
_STUDENT = (
    "The students are {student}. A larger student is hurt less by a closed box: read the numbers as those of this size."
)
_SPLIT = (
    "All attackers were given the provider's own training images unless their row says otherwise, which is more than "
    "most thieves have; and all accuracies come from one test split, the same for every row."
)
_TRACED = (
    "Each customer's key carries a mark of its own, {share:g} of a key's deviation; under such keys the box is right "
    "on {open:.1f}% of the test images. A copy that turns up names its customer: among {licenses} in 99 of 100 cases, "
    "as long as one alone hid it behind noise of at most {noise:.1f} deviations. That anyone innocent is named has a "
    "probability of at most {false_accusation:g}. Keys that many customers joined and noised, and keys computed from "
    "the weights, cannot be traced."
)


def listed(evidence: Evidence) -> str:
    """The limits that hold for this report, as a list."""
    has_weights = any(each.holds == WEIGHTS for each in evidence.attacks)
    bare = sum(each.holds == NOTHING for each in evidence.attacks)
    said = [_LABELS, _WEIGHTS_MEASURED if has_weights else _WEIGHTS_NOT_MEASURED]
    if evidence.attacks:
        said += [_KNOWN.format(count=bare), *_left_out(evidence)]
    if student := _student(evidence):
        said.append(_STUDENT.format(student=student))
    if evidence.tracing:
        said.append(_traced(evidence.tracing))
    said.append(_SPLIT)
    if evidence.policy == "sdb-hardened":
        said.append(_TUNED)
    said += [f"Not measured: {each.what}. {each.why}" for each in evidence.not_measured]
    return "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in said) + "</ul>"


def _left_out(evidence: Evidence) -> list[str]:
    """What a level, or whoever named the attacks, did not have run."""
    if named := evidence.setting("evaluation", "attacks"):
        return [_CHOSEN.format(named=", ".join(map(str, named)))] if isinstance(named, (list, tuple)) else []
    level = evidence.setting("evaluation", "level")
    known = isinstance(level, str) and level in _HIGHER
    return [_LEVEL.format(level=level, more=_HIGHER[level])] if known else []


def _traced(tracing: Tracing) -> str:
    return _TRACED.format(
        share=tracing.share,
        open=tracing.open.mean,
        licenses=tracing.licenses,
        noise=tracing.noise,
        false_accusation=tracing.false_accusation,
    )


def _student(evidence: Evidence) -> str:
    student = evidence.setting("evaluation", "student")
    return student if isinstance(student, str) else ""
