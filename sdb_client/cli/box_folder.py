"""A box as the method's own `wrap` leaves it: a folder with weights, key, and how it was made."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sdb_client
from sdb_client.cli.output import say


def own_box(client: "sdb_client.Client", box_id: str, *, model: Path) -> "sdb_client.Box":
    """The caller's own box, made of this checkpoint. Raises SDBError where it is another's, or another model's."""
    box = client.boxes.get(box_id)
    if box.job_id is None or box.model_id is None:
        raise sdb_client.SDBError(
            "box_not_yours", "Only the owner of a box can attack it from within; sign in as them."
        )
    wanted = (client.models.get(box.model_id).summary or {}).get("sha256")
    with model.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if wanted not in (None, found):
        raise sdb_client.SDBError(
            "model_of_another_box", f"{model} is not the checkpoint that was wrapped; name that one."
        )
    return box


def fetch_box(client: "sdb_client.Client", box: "sdb_client.Box", folder: Path, *, key: "sdb_client.Key") -> list[str]:
    """Put `box.safetensors`, `key.safetensors` and `history.json` into the folder; answer options that go with them.

    Raises SDBError where the key is that of another box.
    """
    if key.box_id not in ("", box.id):
        raise sdb_client.SDBError("key_of_another_box", f"This is the key of {key.box_id}; name that of {box.id}.")
    say("Fetching the box ...")
    client.boxes.download(box.id, folder / "box.safetensors")
    key.save(folder / "key.safetensors")
    job = client.jobs.get(str(box.job_id))
    record: dict[str, Any] = {"policy": box.policy, "config": dict(job.config), "seed": job.seed, "history": []}
    if job.has_report:
        record |= _told_by(client.jobs.report(job.id))
    (folder / "history.json").write_text(json.dumps(record))
    return ["--architecture", str(box.architecture), "--seed", str(job.seed)]


def _told_by(report: Mapping[str, Any]) -> dict[str, Any]:
    """All settings and the loss curves, where the job's report has them."""
    config = report.get("provenance", {}).get("config", {}).get("wrap")
    found = {"history": report.get("history", [])}
    return found | ({"config": config} if config else {})
