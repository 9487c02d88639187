"""How a test asks any route of the description about an object. A new route with a body has it here."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from httpx2 import Response
from safetensors.numpy import save

from api.policy import Rule
from tests.api.belongings import CONTENT, World, missing
from tests.api.networks import INPUT, NPY, as_npy, random_pixels
from tests.api.seeding import Person, kappa_of

IMAGES = (NPY, as_npy(random_pixels(1)))
PIXELS = {"name": "input", "shape": [1, 8, 8, 3], "datatype": "UINT8", "data": [0] * 192}
RAW = {
    "/predict": IMAGES,
    "/distill": IMAGES,
    "/infer": ("application/json", json.dumps({"inputs": [PIXELS]}).encode()),
    "/parts/{number}": ("application/octet-stream", CONTENT),
}
MODEL = {"name": "m", "architecture": "sdb:cnn-mini", "num_classes": 10, "input": INPUT}
BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/accounts": {"name": "<name>", "role": "customer"},
    "PATCH /v1/accounts/{account_id}": {"role": "customer"},
    "POST /v1/tokens": {"name": "x", "account_id": "{account_id}"},
    "POST /v1/uploads": {"filename": "x.zip", "size": 3, "sha256": "0" * 64},
    "POST /v1/models": MODEL | {"upload_id": "{upload_id}"},
    "POST /v1/datasets": {"name": "d", "upload_id": "{upload_id}"},
    "POST /v1/jobs": {"model_id": "{model_id}", "dataset_id": "{dataset_id}"},
    "POST /v1/licenses": {"box_id": "{box_id}", "customer_id": "<customer>"},
    "POST /v1/licenses/{license_id}/renew": {"expires_at": None},
    "POST /v1/licenses/{license_id}/transfer": {"customer_id": "<customer>"},
    "PATCH /v1/accounts/{account_id}/quotas": {},
    "POST /v1/users/{user_id}/rank": {"rank": "owner"},
    "POST /v1/invitations": {"email": "<email>", "account_id": "{account_id}"},
    "POST /v1/webhooks": {"url": "https://8.8.8.8/", "events": ["box.make"]},
}


@dataclass(frozen=True)
class Route:
    """One operation of the description, and what it is about: the first id in its path or its body."""

    method: str
    path: str
    rule: Rule

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @cached_property
    def subject(self) -> str | None:
        found = re.search(r"\{(\w+)_id\}", f"{self.path} {json.dumps(BODIES.get(self.name))}")
        return found[1] if found else None

    def ask(self, world: World, who: Person, object_id: str) -> Response:
        """The route about an object; what else it needs is the object's owner's."""
        path = self.path.replace("{number}", "1").replace(f"{{{self.subject}_id}}", object_id)
        path = path.replace("{delivery_id}", world.delivery(object_id)) if "{delivery_id}" in path else path
        assert "{" not in path, f"{self.name} names something that no test makes"
        headers, content = dict(who.headers), b""
        for end, (kind, raw) in RAW.items():
            if self.path.endswith(end):
                headers["Content-Type"], content = kind, raw
        if self.path.endswith("/trace"):
            headers["Content-Type"], content = "application/octet-stream", _key_of(object_id)
        if self.name in BODIES:
            headers["Content-Type"], content = "application/json", json.dumps(self._body(world, object_id)).encode()
        return world.house.http.request(self.method, path, headers=headers, content=content)

    def _body(self, world: World, object_id: str) -> dict[str, Any]:
        filled = {
            f"{{{self.subject}_id}}": object_id,
            "<customer>": world.people["customer"].id,
            "<name>": missing("account"),
            "<email>": f"{missing('user')}@example.org",
        }
        if self.path == "/v1/jobs":
            filled["{dataset_id}"] = world.make("dataset", world.owner)
        return {
            key: filled.get(value, value) if isinstance(value, str) else value
            for key, value in BODIES[self.name].items()
        }


def _key_of(box_id: str) -> bytes:
    return save({"kappa": np.frombuffer(kappa_of(box_id), "<f4").reshape(3, 8, 8)})
