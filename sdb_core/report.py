"""The report: measured evidence of what a box keeps, what it hides, and how it stands up to attack."""

import dataclasses
import platform
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from sdb_core import __version__, tracing, verdicts
from sdb_core.answers import logits_of
from sdb_core.attacks.measuring import LEDGER, attack_kinds, attack_rows, chosen
from sdb_core.evaluation import accuracy
from sdb_core.keys import Key
from sdb_core.settings import EvaluationSettings, WrapSettings
from sdb_core.students import ROWS, Classroom, report_kinds, stream_kinds
from sdb_core.subject import Subject, code_version
from sdb_core.teaching import Scores, seed_for, teach_all
from sdb_core.training import Run
from sdb_core.verdicts import Value, summary_of
from sdb_core.wrapping import wrap

SCHEMA_PATH = Path(__file__).with_name("report.schema.json")
_SHOWN_IMAGES = 6
_SHOWN_TEMPERATURE = 4.0


def make_report(
    subject: Subject, *, settings: EvaluationSettings, run: Run, state_folder: Path | None = None
) -> dict[str, Any]:
    """Measure `subject` on its test split and answer the report (`report.schema.json` beside this file).

    Accuracies in percent. `run` gives seed, device and listener (its state path is not used). With a `state_folder`
    (it exists) finished students and comparison wraps are kept there, and a second call goes on where the first ended.
    Level "none" measures accuracies only and answers {"schema": "sdb-accuracy/1", ...} without students.
    The report holds nothing of the key from which it could be computed.
    Raises what `training.train` raises.
    """
    started = time.monotonic()
    measured = _accuracies(subject)
    report: dict[str, Any] = {"schema": "sdb-report/1", "policy": subject.policy, "accuracy": measured}
    if settings.level == "none":
        report["schema"] = "sdb-accuracy/1"
        report["verdicts"] = {"fidelity": verdicts.fidelity(measured)}
    else:
        report |= _evidence(subject, settings, measured=measured, run=run, state_folder=state_folder)
    if subject.tracing:
        report["tracing"] = tracing.measured(subject)
    report["soft_labels"] = _soft_labels(subject)
    report["history"] = subject.history
    seconds = time.monotonic() - started + subject.wrap_seconds
    report["provenance"] = _provenance(subject, settings, run=run, seconds=seconds)
    return report


def _accuracies(subject: Subject) -> dict[str, Value]:
    test, normalisation = subject.splits.test, subject.normalisation
    return {
        "original": summary_of([accuracy(subject.original, test, normalisation=normalisation)]),
        "closed": summary_of([accuracy(subject.box, test, normalisation=normalisation)]),
        "open": summary_of([accuracy(subject.box, test, normalisation=normalisation, key=subject.key)]),
    }


def _rivals(
    subject: Subject, settings: EvaluationSettings, *, run: Run, state_folder: Path | None
) -> dict[str, Subject]:
    """The same model wrapped by other policies, with a key of the same lambda and normalisation but its own draw."""
    rivals = {}
    for policy in settings.compare:
        wrapped = WrapSettings.for_policy(policy, {"lam": subject.key.lam})
        key = _rival_key(subject)
        state_path = state_folder / f"compare-{policy}.pt" if state_folder else None
        result = wrap(
            subject.original,
            subject.splits.train,
            key,
            policy=policy,
            settings=wrapped,
            architecture=subject.architecture,
            run=dataclasses.replace(run, stage=f"compare-{policy}", state_path=state_path),
        )
        rivals[policy] = dataclasses.replace(
            subject, box=result.net, key=key, policy=policy, settings=wrapped, history=result.history
        )
    return rivals


def _rival_key(subject: Subject) -> Key:
    generator = torch.Generator().manual_seed(seed_for(subject.seed, "rival-key"))
    like = subject.key
    return Key.random(tuple(like.kappa.shape), mean=like.mean, std=like.std, lam=like.lam, generator=generator)


def _evidence(
    subject: Subject,
    settings: EvaluationSettings,
    *,
    measured: dict[str, Value],
    run: Run,
    state_folder: Path | None,
) -> dict[str, Any]:
    """Teach every student, and put together rows, attacks, verdicts and comparisons."""
    room = Classroom(subject, settings, run=run)
    panel = chosen(settings, model=subject.architecture.name)
    rivals = _rivals(subject, settings, run=run, state_folder=state_folder)
    kinds = [*report_kinds(room), *attack_kinds(panel, room)]
    for policy, rival in rivals.items():
        kinds += stream_kinds(Classroom(rival, settings, run=run), prefix=f"{policy}/")
    ledger = state_folder / LEDGER if state_folder else None
    taught = teach_all(kinds, subject, seeds=settings.seeds, run=run, ledger=ledger)
    students = {name: summary_of(taught.scores[name]) for name in ROWS}
    attacks = attack_rows(panel, room, taught)
    return {
        "students": students,
        "attacks": attacks,
        "verdicts": {
            "fidelity": verdicts.fidelity(measured),
            "effectiveness": verdicts.effectiveness(students),
            "uniqueness": verdicts.uniqueness(students, attacks),
            "robustness": verdicts.robustness(attacks, box=measured["closed"]),
        },
        "comparison": {policy: _comparison(rival, policy, taught.scores) for policy, rival in rivals.items()},
    }


def _comparison(rival: Subject, policy: str, scores: Scores) -> dict[str, Any]:
    return {
        "accuracy": _accuracies(rival),
        "students": {name: summary_of(scores[f"{policy}/{name}"]) for name in ("closed", "open")},
        "config": rival.settings.to_dict(),
    }


def _soft_labels(subject: Subject) -> list[dict[str, Any]]:
    """What three teachers say of a few test images, one of each class: probabilities at T = 4. No pixels."""
    labels = subject.splits.test.labels.cpu()
    firsts = [int((labels == label).nonzero()[0]) for label in sorted(set(labels.tolist()))[:_SHOWN_IMAGES]]
    shown = subject.splits.test.take(torch.tensor(firsts, device=subject.splits.test.labels.device))

    def probabilities(net: nn.Module, key: Key | None = None) -> list[list[float]]:
        logits = logits_of(net, shown, normalisation=subject.normalisation, key=key)
        rows: list[list[float]] = F.softmax(logits / _SHOWN_TEMPERATURE, dim=1).cpu().tolist()
        return [[round(value, 4) for value in row] for row in rows]

    original, closed = probabilities(subject.original), probabilities(subject.box)
    opened = probabilities(subject.box, subject.key)
    return [
        {
            "index": index,
            "label": int(labels[index]),
            "temperature": _SHOWN_TEMPERATURE,
            "original": original[place],
            "closed": closed[place],
            "open": opened[place],
        }
        for place, index in enumerate(firsts)
    ]


def _provenance(subject: Subject, settings: EvaluationSettings, *, run: Run, seconds: float) -> dict[str, Any]:
    threads = torch.get_num_threads()
    return {
        "config": {"wrap": subject.settings.to_dict(), "evaluation": settings.to_dict()},
        "seeds": {"wrap": subject.seed, "evaluation": run.seed, "students": settings.seeds},
        "architecture": subject.architecture.to_dict(),
        "model_sha256": subject.model_sha256,
        "dataset_sha256": subject.splits.digest(),
        "code_version": code_version(__version__),
        "device": f"{run.device} ({platform.machine()}, {threads} threads, torch {torch.__version__})",
        "seconds": round(seconds, 1),
    }


__all__ = ["SCHEMA_PATH", "Subject", "make_report"]
