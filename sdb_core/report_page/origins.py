"""Where the numbers come from: settings, seeds, digests, code and machine."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sdb_core.evidence import Evidence
from sdb_core.report_page.parts import facts, note

_NAMES = {
    "model_sha256": "Model's file, SHA-256",
    "box_sha256": "Box's weights, SHA-256",
    "dataset_sha256": "Data set, SHA-256",
    "images": "Images",
    "code_version": "Code, with digest",
    "device": "Device",
    "seconds": "Time, last run",
    "architecture": "Architecture",
    "seeds": "Seeds",
}


def provenance(evidence: Evidence) -> str:
    """What every number was made with; settings stand apart."""
    pairs = [(_NAMES.get(name, name), _shown(name, evidence.provenance[name])) for name in _ordered(evidence)]
    return facts(pairs) if pairs else note("This report does not say where it comes from.")


def settings(evidence: Evidence) -> str:
    """Every setting of the wrap, the students and the evaluation by its dotted name, and how policies beside differ."""
    config = evidence.provenance.get("config")
    if not isinstance(config, Mapping):
        return note("This report does not say with which settings it was made.")
    pairs = list(_flat(config))
    for policy, rival in evidence.rivals.items():
        pairs += _flat(_differing(rival.config, config.get("wrap")), f"beside.{policy}.")
    return facts(pairs, columns=True)


def _differing(rival: Mapping[str, Any], wrap: Any) -> dict[str, Any]:
    """The settings of another policy's wrap that this box's does not have so."""
    own = wrap if isinstance(wrap, Mapping) else {}
    return {name: value for name, value in rival.items() if name not in own or own[name] != value}


def _ordered(evidence: Evidence) -> list[str]:
    known = [name for name in _NAMES if name in evidence.provenance]
    return known + [name for name in evidence.provenance if name not in {*_NAMES, "config"}]


def _shown(name: str, value: Any) -> str:
    if name == "seconds" and isinstance(value, (int, float)):
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    if name == "seeds" and isinstance(value, Mapping) and isinstance(value.get("students"), int):
        others = {part: seed for part, seed in value.items() if part != "students"}
        return f"{_shown('', others)}; students of each kind: {value['students']}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(entry)}" for key, entry in value.items() if entry is not None)
    return _plain(value)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _plain(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
