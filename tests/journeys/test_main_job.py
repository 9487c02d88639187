"""The main job, on both profiles, as real processes: upload, wrap, key, license, prediction, evidence."""

import io
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from sdb_client import Box, Client, InputSpec, Key, NotAllowed, NotFound
from sdb_core.report import SCHEMA_PATH
from tests.journeys.canary import leaks, needles, places
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
    with running(any_profile, tmp_path) as service:
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
        assert_nothing_leaked(service, key.kappa, tmp_path)


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


def assert_nothing_leaked(service: RunningService, kappa: np.ndarray, folder: Path) -> None:
    """No byte of the key in logs, database, broker folder or storage, but sealed."""
    found = leaks(places(service.profile.settings, folder), needles(kappa))
    assert found == []


def test_the_search_for_leaks_finds_what_is_planted(embedded_profile: Profile, tmp_path: Path) -> None:
    kappa = np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.float32)
    (tmp_path / "raw").write_bytes(b"..." + kappa.tobytes())
    (tmp_path / "hex").write_text(kappa.tobytes().hex())
    (tmp_path / "list").write_text(json.dumps(kappa.tolist()))
    (tmp_path / "clean").write_text("nothing")
    files = ((path.name, path.read_bytes()) for path in tmp_path.iterdir() if path.is_file())
    assert sorted(leaks(files, needles(kappa))) == ["hex", "list", "raw"]
