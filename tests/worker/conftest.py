"""A service without processes: the API in this one, the supervisor called directly, the child for real."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import migrations
from api.app import create_app
from sdb_service import identity
from sdb_service.lifecycle import DATASETS, MODELS
from sdb_service.runtime import Runtime, WorkerRuntime, open_runtime, open_worker_runtime
from tests.servers.profiles import Profile
from worker.supervisor.checks import check
from worker.supervisor.jobs import run_job

INPUT = {"channels": 1, "height": 8, "width": 8, "mean": [0.3], "std": [0.35]}


@dataclass
class Workshop:
    """A provider at the API, and a worker that does what it is rung for at once."""

    runtime: Runtime
    worker: WorkerRuntime
    http: TestClient
    headers: dict[str, str]

    def post(self, path: str, body: dict[str, Any], *, status: int) -> dict[str, Any]:
        answer = self.http.post(path, json=body, headers=self.headers)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str) -> dict[str, Any]:
        answer = self.http.get(path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def upload(self, content: bytes, filename: str) -> str:
        digest = hashlib.sha256(content).hexdigest()
        upload = self.post("/v1/uploads", {"filename": filename, "size": len(content), "sha256": digest}, status=201)
        for address in upload["addresses"]:
            start = (address["number"] - 1) * upload["part_bytes"]
            part = content[start : start + upload["part_bytes"]]
            assert self.http.put(address["url"], content=part, headers=self.headers).status_code == 200
        return str(self.post(f"/v1/uploads/{upload['id']}/complete", {}, status=200)["id"])

    def checked_model(self, content: bytes, filename: str = "net.safetensors", **changes: Any) -> dict[str, Any]:
        """Register a checkpoint and let the worker check it."""
        body = {"name": "net", "architecture": "sdb:cnn-mini", "num_classes": 10, "input": INPUT}
        body |= {"upload_id": self.upload(content, filename)} | changes
        model = self.post("/v1/models", body, status=201)
        check(self.worker, MODELS, model["id"])
        return self.get(f"/v1/models/{model['id']}")

    def checked_dataset(self, content: bytes, filename: str) -> dict[str, Any]:
        """Register a dataset and let the worker check it."""
        dataset = self.post("/v1/datasets", {"name": "set", "upload_id": self.upload(content, filename)}, status=201)
        check(self.worker, DATASETS, dataset["id"])
        return self.get(f"/v1/datasets/{dataset['id']}")

    def finished_job(self, model: dict[str, Any], dataset: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Queue a job and let the worker run it."""
        body = {"model_id": model["id"], "dataset_id": dataset["id"], "evaluate": {"level": "none"}} | changes
        job = self.post("/v1/jobs", body, status=202)
        run_job(self.worker, job["id"])
        return self.get(f"/v1/jobs/{job['id']}")

    def stored_files(self, below: str = "") -> list[Path]:
        return [path for path in (self.runtime.settings.data_dir / below).rglob("*") if path.is_file()]


@pytest.fixture
def workshop(embedded_profile: Profile) -> Iterator[Workshop]:
    settings = embedded_profile.settings.model_copy(update={"child_threads": 1})
    migrations.upgrade(settings)
    runtime, worker = open_runtime(settings), open_worker_runtime(settings)
    with runtime.database.transaction() as session:
        provider = identity.create_account(session, "ada", role="provider")
        _, text = identity.issue_token(session, provider.id, name="test", key=runtime.token_key)
    with TestClient(create_app(runtime)) as http:
        yield Workshop(runtime, worker, http, {"Authorization": f"Bearer {text.reveal().decode()}"})
    runtime.database.close()
    worker.database.close()
