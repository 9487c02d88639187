"""The main job, on both profiles, as real processes: upload, wrap, key, license, prediction, evidence."""

import io
import json
from pathlib import Path

import httpx2
import jsonschema
import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from sdb_client import Box, Client, InputSpec, Key, NotAllowed, NotFound, ProblemError
from sdb_core.report import SCHEMA_PATH
from sdb_service.db import Database
from sdb_service.tables import SealedKey
from tests.journeys.canary import leaks, needles
from tests.journeys.canary_places import Answers, places, watched_processes
from tests.journeys.running import RunningService, running
from tests.servers.profiles import Profile

QUICK = {"level": "quick", "seeds": 1, "epochs": 2, "compare": []}


def digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    found = load_digits()
    return np.round(found.images[-count:] * (255 / 16)).astype(np.uint8)[..., None], found.target[-count:]


def wrapped(provider: Client, teacher: tuple[Path, InputSpec]) -> Box:
    path, spec = teacher
    return provider.wrap(
        path,
        dataset="builtin:digits",
        architecture="sdb:cnn-mini",
        num_classes=10,
        input=spec,
        config={"epochs": 20},
        evaluate=QUICK,
    )


def as_png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0]).save(file, "PNG")
    return file.getvalue()


def test_a_provider_wraps_a_customer_learns_and_the_public_gets_predictions(
    any_profile: Profile, teacher: tuple[Path, InputSpec], tmp_path: Path
) -> None:
    with (
        running(any_profile, tmp_path) as service,
        watched_processes([process.pid for process in service.processes.values()]) as seen,
    ):
        admin, provider = service.client("admin", "root"), service.client("provider", "ada")
        box = wrapped(provider, teacher)
        the_public_gets_predictions(service, provider, box)
        key = a_customer_learns(service, provider, box, folder=tmp_path)
        a_hosted_license_gives_the_same_answers(service, provider, box, key)

        jsonschema.validate(provider.jobs.report(box.job_id), json.loads(SCHEMA_PATH.read_text()))
        page = provider.jobs.report_html(box.job_id)
        assert (page.count("<svg"), box.id in page) == (4, True)
        assert f"model {teacher[0].stem} · data digits" in page
        assert set(load_file(tmp_path / "box.safetensors")) == set(load_file(teacher[0]))
        acts = {event.action for event in admin.audit.list()}
        assert {"model.create", "job.create", "box.make", "box.publish", "license.grant", "license.key"} <= acts
        errors_are_forced(service, provider, box, key)
        found = [*places(any_profile.settings, tmp_path), *seen]
        found += [place for answers in service.answers for place in answers.places()]
        assert_nothing_leaked(found, key.kappa)


def the_public_gets_predictions(service: RunningService, provider: Client, box: Box) -> None:
    pixels, labels = digits(100)
    everybody = service.public()
    with pytest.raises(NotFound):
        everybody.boxes.predict(box.id, pixels)
    provider.boxes.publish(box.id)
    answers = everybody.boxes.predict(box.id, pixels)
    assert np.mean(np.array(answers.labels) == labels) > 0.9
    assert everybody.boxes.predict(box.id, as_png(pixels[0])).labels[0] == answers.labels[0]
    with pytest.raises(NotAllowed):
        everybody.boxes.predict(box.id, pixels, outputs=["logits"])


def a_customer_learns(service: RunningService, provider: Client, box: Box, *, folder: Path) -> Key:
    customer, stranger = service.client("customer", "carl"), service.client("customer", "eve")
    license_ = provider.licenses.grant(box.id, customer.accounts.me().id)
    key = customer.licenses.key(license_.id)
    with pytest.raises(NotFound):
        stranger.licenses.key(license_.id)
    with pytest.raises(NotAllowed):
        stranger.boxes.distill(box.id, digits(1)[0])
    pixels, labels = digits(100)
    answers = customer.boxes.predict(box.id, key.embed(key.normalise(pixels)))
    assert np.mean(np.array(answers.labels) == labels) > 0.9
    customer.boxes.download(box.id, folder / "box.safetensors")
    return key


def a_hosted_license_gives_the_same_answers(service: RunningService, provider: Client, box: Box, key: Key) -> None:
    """The key never leaves, and the logits are those of the key that did (to 1e-5)."""
    tenant = service.client("customer", "hetty")
    license_ = provider.licenses.grant(box.id, tenant.accounts.me().id, mode="hosted", max_predictions=150)
    pixels, _ = digits(100)
    locally = provider.boxes.predict_array(box.id, key.embed(key.normalise(pixels)), output="logits")
    np.testing.assert_allclose(tenant.boxes.distill(box.id, pixels), locally, atol=1e-5)
    with pytest.raises(NotAllowed) as refused:
        tenant.boxes.distill(box.id, pixels)
    assert refused.value.code == "license_predictions_used_up"
    with pytest.raises(NotAllowed) as refused:
        tenant.licenses.key(license_.id)
    assert refused.value.code == "license_hosted"


def errors_are_forced(service: RunningService, provider: Client, box: Box, key: Key) -> None:
    """The key in hands that drop it: a seal that breaks while it is issued, and bodies that no route takes."""
    customer = service.client("customer", "flora")
    license_ = provider.licenses.grant(box.id, customer.accounts.me().id)
    database = Database(service.profile.settings.effective_database_url)
    for bit in (1, 0):
        with database.transaction() as session:
            row = session.query(SealedKey).filter_by(box_id=box.id).one()
            row.sealed = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
        if bit:
            with pytest.raises(ProblemError) as broken:
                customer.licenses.key(license_.id)
            assert broken.value.code == "seal_broken"
    database.close()
    np.testing.assert_array_equal(customer.licenses.key(license_.id).kappa, key.kappa)
    numbers, raw = key.kappa.tolist(), key.kappa.tobytes()
    service.answers.append(Answers())
    with httpx2.Client(transport=service.answers[-1], base_url=service.url) as http:
        for path in (f"/v1/boxes/{box.id}/predict", "/v1/licenses", f"/v1/licenses/{license_.id}/key", "/v1/jobs"):
            for refused in (http.post(path, json={"inputs": numbers, "box_id": numbers}), http.post(path, content=raw)):
                assert 400 <= refused.status_code < 500, refused.text


def assert_nothing_leaked(found: list[tuple[str, bytes]], kappa: np.ndarray) -> None:
    """No byte of the key in logs, database, broker, storage, processes or answers, but sealed."""
    kinds = {name.partition(" ")[0] for name, _ in found}
    assert {"table", "answer", "/proc"} <= kinds
    assert leaks(found, needles(kappa)) == []
