"""A service without a worker: the API on a temporary runtime, and rows written through the tables."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select

from sdb_service import identity
from sdb_service.ids import new_id
from sdb_service.runtime import Runtime
from sdb_service.sealing import key_context, seal
from sdb_service.secret import Secret
from sdb_service.tables import Account, Box, Dataset, Job, Model, SealedKey, Upload
from tests.api.networks import CLASSES, INPUT, Network

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """An account, and the headers that speak for it."""

    id: str
    headers: dict[str, str]


NOBODY = Person("nobody", {})


@dataclass(frozen=True)
class House:
    """The service as a test sees it."""

    runtime: Runtime
    http: TestClient
    network: Network

    def person(self, role: identity.Role) -> Person:
        """A new account with a token."""
        with self.runtime.database.transaction() as session:
            account = identity.create_account(session, f"{role} {next(_numbers)}", role=role)
            _, text = identity.issue_token(session, account.id, name="test", key=self.runtime.token_key)
        return Person(account.id, {"Authorization": f"Bearer {text.reveal().decode()}"})

    def get(self, who: Person, path: str) -> Response:
        return self.http.get(path, headers=who.headers)

    def post(self, who: Person, path: str, body: Any = None, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, json=body, headers=who.headers | named)

    def upload(self, owner: Person, filename: str = "net.safetensors") -> str:
        """A finished upload, of which only the row exists."""
        row = Upload(
            id=new_id("upl"),
            account_id=owner.id,
            filename=filename,
            size=3,
            sha256="0" * 64,
            part_bytes=8,
            state="complete",
            storage_key="uploads/none/content",
        )
        return self._add(row)

    def model(self, owner: Person, **values: Any) -> str:
        values = {"state": "ready", "num_classes": CLASSES, "input": INPUT} | values
        upload = self.upload(owner)
        row = Model(
            id=new_id("mdl"), account_id=owner.id, name="m", upload_id=upload, architecture="sdb:cnn-mini", **values
        )
        return self._add(row)

    def dataset(self, owner: Person, **values: Any) -> str:
        summary = {"num_classes": CLASSES, "shape": [3, 8, 8], "class_names": None}
        values = {"state": "ready", "summary": summary} | values
        return self._add(Dataset(id=new_id("dst"), account_id=owner.id, name="d", builtin="builtin:digits", **values))

    def job(self, owner: Person, *, state: str = "queued") -> str:
        row = Job(
            id=new_id("job"),
            account_id=owner.id,
            model_id=self.model(owner),
            dataset_id=self.dataset(owner),
            box_id=new_id("box"),
            policy="sdb",
            config={},
            evaluate={},
            seed=0,
            state=state,
            progress={},
            resume={},
        )
        return self._add(row)

    def box(self, owner: Person, *, published: bool = False, kappa: bytes | None = None, **values: Any) -> str:
        """A box with its network in the store and its key sealed; `values` replace columns."""
        job_id = self.job(owner, state="succeeded")
        with self.runtime.database.transaction() as session:
            job = session.get_one(Job, job_id)
            box = _box_of(job, self.network, values)
            session.add(box)
            session.flush()
            content = kappa or kappa_of(box.id)
            session.add(_sealed(box, content, self.runtime))
        self.runtime.storage.put_bytes(f"boxes/{box.id}.onnx", self.network.content)
        self.runtime.storage.put_bytes(f"boxes/{box.id}.safetensors", b"weights")
        if published:
            body = {"outputs": values.get("outputs", ["labels", "probs"]), "top_k": values.get("top_k", 5)}
            assert self.post(owner, f"/v1/boxes/{box.id}/publish", body).status_code == 200
        return box.id

    def license(self, owner: Person, box_id: str, customer: Person, **values: Any) -> str:
        body = {"box_id": box_id, "customer_id": customer.id} | values
        answer = self.post(owner, "/v1/licenses", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def count(self, table: type[Any], *conditions: Any) -> int:
        with self.runtime.database.reading() as session:
            return session.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()

    def close_account(self, who: Person) -> None:
        with self.runtime.database.transaction() as session:
            session.get_one(Account, who.id).closed_at = func.now()

    def _add(self, row: Any) -> str:
        with self.runtime.database.transaction() as session:
            session.add(row)
            session.flush()
            return str(row.id)


def kappa_of(box_id: str) -> bytes:
    """The kappa that `House.box` seals: another for each box."""
    random = np.random.default_rng(list(box_id.encode()))
    return random.normal(size=(3, 8, 8)).astype("<f4").tobytes()


def _box_of(job: Job, network: Network, values: dict[str, Any]) -> Box:
    columns: dict[str, Any] = {
        "class_names": None,
        "input": INPUT,
        "num_classes": CLASSES,
        "onnx_sha256": network.sha256,
        "outputs": ["labels", "probs"],
        "top_k": 5,
    }
    return Box(
        id=job.box_id,
        account_id=job.account_id,
        job_id=job.id,
        model_id=job.model_id,
        name="a box",
        policy="sdb",
        architecture="sdb:cnn-mini",
        lam=0.7,
        onnx_key=f"boxes/{job.box_id}.onnx",
        onnx_bytes=len(network.content),
        onnx_max_difference=0.0,
        checkpoint_key=f"boxes/{job.box_id}.safetensors",
        checkpoint_sha256="0" * 64,
        **(columns | values),
    )


def _sealed(box: Box, kappa: bytes, runtime: Runtime) -> SealedKey:
    key_id = new_id("key")
    context = key_context(account_id=box.account_id, box_id=box.id, key_id=key_id, version=1)
    return SealedKey(
        id=key_id,
        account_id=box.account_id,
        box_id=box.id,
        version=1,
        shape=[box.input[name] for name in ("channels", "height", "width")],
        sealed=seal(Secret(kappa), context=context, keys=runtime.keys),
    )
