"""Reading Dockerfile and docker-compose.yml as far as the tests need them."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("database_password", "s3_access_key_id", "s3_secret_access_key")
OURS = ("keys", "bucket", "migrate", "api", "worker", "checks", "beat")


@dataclass
class Stage:
    """One FROM of the Dockerfile with its instructions."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [text for name, text in self.instructions if name == instruction]

    def last(self, instruction: str) -> str:
        return self.all(instruction)[-1]


def stages() -> dict[str, Stage]:
    """The stages of the Dockerfile by name."""
    found: dict[str, Stage] = {}
    for line in _logical_lines((ROOT / "Dockerfile").read_text()):
        name, _, text = line.partition(" ")
        if name == "FROM":
            base, _, stage = text.partition(" AS ")
            found[stage] = Stage(stage, base)
        else:
            found[list(found)[-1]].instructions.append((name, text.strip()))
    return found


def copied(stage: Stage) -> list[str]:
    """Sources that a stage copies out of the project."""
    texts = [text for text in stage.all("COPY") if not text.startswith("--from")]
    return [source for text in texts for source in text.split()[:-1]]


def exec_form(text: str) -> list[str]:
    """A command as the image runs it: a JSON list, or it would run below a shell that hears no signals."""
    command = json.loads(text)
    assert isinstance(command, list)
    return [str(word) for word in command]


def services() -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml by name."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def volumes_of(service: str) -> dict[str, str]:
    """The volumes of a service by the folder they are mounted at."""
    return dict(reversed(volume.split(":")[:2]) for volume in services()[service]["volumes"])


def volume_at(folder: str, service: str) -> str:
    return volumes_of(service)[folder]


def with_defaults(text: str) -> str:
    """A value of compose where nobody sets anything: `${NAME:-default}` is its default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def _logical_lines(text: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [line.strip() for line in joined.splitlines() if line.strip()]
