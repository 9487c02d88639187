"""The report: measured evidence of what a box keeps, what it hides, and how it stands up to attack."""

import dataclasses
import hashlib
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from sdb_core import __version__, tracing, verdicts
from sdb_core.answers import logits_of
from sdb_core.attacks.measuring import LEDGER, attack_kinds, attack_rows, chosen, lost_attacks
from sdb_core.errors import BoxCollapsed, TrainingDiverged
from sdb_core.evaluation import accuracy, agreement
from sdb_core.keys import Key
from sdb_core.settings import EvaluationSettings, TrainingSettings, WrapSettings, over_preset
from sdb_core.students import ROWS, Classroom, check_student, report_kinds, stream_kinds
from sdb_core.subject import Subject, code_version, weights_digest
from sdb_core.teaching import Scores, seed_for, teach_all
from sdb_core.training import Run
from sdb_core.verdicts import Value, summary_of
from sdb_core.wrapping import wrap

SCHEMA_PATH = Path(__file__).with_name("report.schema.json")
_SHOWN_IMAGES = 6
_SHOWN_TEMPERATURE = 4.0
_SHARED = {"preset", "lam", *(item.name for item in dataclasses.fields(TrainingSettings))}


def make_report(
    subject: Subject,
    *,
    settings: EvaluationSettings,
    run: Run,
    config: Mapping[str, Any] | None = None,
    state_folder: Path | None = None,
) -> dict[str, Any]:
    """Measure `subject` on its test split and answer the report (`report.schema.json` beside this file).

    Accuracies in percent. `run` gives seed, device and listener (its state path is not used). `config`: what was named
    of the wrap's settings, which the policies beside follow (`rival_settings`). With a `state_folder` (it exists)
    finished students and comparison wraps are kept there, and a second call goes on where the first ended.
    Level "none" measures accuracies only and answers {"schema": "sdb-accuracy/1", ...} without students.
    What could not be measured stands under "not_measured", with the reason: attacks that a level leaves out
    (`attacks.measuring.chosen`), policies beside whose box collapsed, and either where a student's training diverged.
    The report holds nothing of the key from which it could be computed.
    Raises what `check_student` and `chosen` raise, and what `training.train` raises: of students, for those of ROWS.
    """
    check_student(settings, subject.architecture)
    started = time.monotonic()
    measured, kept = _accuracies(subject), _agreement(subject)
    report: dict[str, Any] = {"schema": "sdb-report/1", "policy": subject.policy}
    report |= {"accuracy": measured, "agreement": kept}
    if settings.level == "none":
        report["schema"] = "sdb-accuracy/1"
        report["verdicts"] = {}
    else:
        report |= _evidence(
            subject, settings, measured=measured, run=run, config=config or {}, state_folder=state_folder
        )
    faithful = verdicts.fidelity(measured, agreement=kept, policy=subject.policy)
    report["verdicts"] = {"fidelity": faithful, **report["verdicts"]}
    if subject.tracing:
        report["tracing"] = tracing.measured(subject)
    report |= {"soft_labels": _soft_labels(subject), "history": subject.history}
    seconds = time.monotonic() - started + subject.wrap_seconds
    report["provenance"] = _provenance(subject, settings, run=run, seconds=seconds)
    return report


def rival_settings(policy: str, config: Mapping[str, Any], *, lam: float) -> WrapSettings:
    """How another policy wraps the same model beside: by its part of the same preset, trained as the box was.

    Of `config`, what was named for the box, it takes the preset, lambda and all that every training has
    (TrainingSettings); the rest belongs to the box's own policy. Where neither names lambda, it is the box's `lam`.
    Raises InvalidSettings.
    """
    shared = {name: value for name, value in config.items() if name in _SHARED}
    named = over_preset(shared, "wrap", of=policy)
    return WrapSettings.for_policy(policy, {**shared, "lam": named.get("lam", lam)})


def _accuracies(subject: Subject) -> dict[str, Value]:
    test, normalisation = subject.splits.test, subject.normalisation
    return {
        "original": summary_of([accuracy(subject.original, test, normalisation=normalisation)]),
        "closed": summary_of([accuracy(subject.box, test, normalisation=normalisation)]),
        "open": summary_of([accuracy(subject.box, test, normalisation=normalisation, key=subject.key)]),
    }


def _agreement(subject: Subject) -> dict[str, float]:
    return agreement(subject.original, subject.box, subject.splits.test, normalisation=subject.normalisation)


def _rivals(
    subject: Subject, wraps: Mapping[str, WrapSettings], *, run: Run, state_folder: Path | None
) -> tuple[dict[str, Subject], dict[str, str]]:
    """The same model wrapped by other policies; and of those whose box was lost, why."""
    rivals, lost = {}, {}
    for policy, settings in wraps.items():
        beside = dataclasses.replace(run, stage=f"compare-{policy}")
        try:
            rivals[policy] = _rival(subject, policy, settings, run=beside, state_folder=state_folder)
        except (BoxCollapsed, TrainingDiverged) as error:  # it says something of that policy, and nothing of the box
            lost[policy] = error.message
    return rivals, lost


def _rival(subject: Subject, policy: str, settings: WrapSettings, *, run: Run, state_folder: Path | None) -> Subject:
    """Under a key of the same normalisation, but its own draw."""
    generator = torch.Generator().manual_seed(seed_for(subject.seed, "rival-key"))
    like = subject.key
    key = Key.random(tuple(like.kappa.shape), mean=like.mean, std=like.std, lam=settings.lam, generator=generator)
    state_path = state_folder / f"{run.stage}-{_mark(subject, key)}.pt" if state_folder else None
    result = wrap(
        subject.original,
        subject.splits.train,
        key,
        policy=policy,
        settings=settings,
        architecture=subject.architecture,
        run=dataclasses.replace(run, state_path=state_path),
    )
    return dataclasses.replace(
        subject, box=result.net, key=key, policy=policy, settings=settings, history=result.history
    )


def _mark(subject: Subject, key: Key) -> str:
    """What a kept wrap depends on beside what its state says itself: code, original, data and key."""
    facts = [code_version(__version__), weights_digest(subject.original), subject.splits.digest()]
    facts += [key.digest(), repr((key.mean, key.std))]
    return hashlib.sha256("/".join(facts).encode()).hexdigest()[:12]


def _evidence(
    subject: Subject,
    settings: EvaluationSettings,
    *,
    measured: dict[str, Value],
    run: Run,
    config: Mapping[str, Any],
    state_folder: Path | None,
) -> dict[str, Any]:
    """Teach every student, and put together rows, attacks, verdicts and comparisons."""
    room = Classroom(subject, settings, run=run)
    panel, missing = chosen(settings, model=subject.architecture.name)
    wraps = {policy: rival_settings(policy, config, lam=subject.key.lam) for policy in settings.compare}
    rivals, lost = _rivals(subject, wraps, run=run, state_folder=state_folder)
    kinds = [*report_kinds(room), *attack_kinds(panel, room)]
    for policy, rival in rivals.items():
        kinds += stream_kinds(Classroom(rival, settings, run=run), prefix=f"{policy}/")
    ledger = state_folder / LEDGER if state_folder else None
    taught = teach_all(kinds, subject, seeds=settings.seeds, run=run, ledger=ledger, needed=ROWS)
    students = {name: summary_of(taught.scores[name]) for name in ROWS}
    attacks = attack_rows(panel, room, taught)
    missing |= lost_attacks(panel, room, taught)
    lost |= {policy: why for policy in rivals for kind, why in taught.lost.items() if kind.startswith(f"{policy}/")}
    return {
        "students": students,
        "attacks": attacks,
        "verdicts": {
            "effectiveness": verdicts.effectiveness(students),
            "uniqueness": verdicts.uniqueness(students, attacks),
            "robustness": verdicts.robustness(attacks, box=measured["closed"], scratch=students["scratch"]),
        },
        "comparison": {
            policy: _comparison(rival, policy, taught.scores) for policy, rival in rivals.items() if policy not in lost
        },
        "not_measured": [
            *({"what": f"the attack {name}", "why": why} for name, why in missing.items()),
            *({"what": f"the policy {policy} beside", "why": why} for policy, why in lost.items()),
        ],
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
        "box_sha256": weights_digest(subject.box),
        "dataset_sha256": subject.splits.digest(),
        "images": {"train": len(subject.splits.train), "test": len(subject.splits.test)},
        "code_version": code_version(__version__),
        "device": f"{run.device} ({platform.machine()}, {threads} threads, torch {torch.__version__})",
        "seconds": round(seconds, 1),
    }


__all__ = ["SCHEMA_PATH", "Subject", "make_report", "rival_settings"]
