import stat
import threading
from pathlib import Path

import numpy as np
import pytest

from sdb_client import Box, Client, JobFailed, Key, NotAllowed, NotFound, Rejected, WrapEvent

from . import standing_in
from .running import Service
from .standing_in import DATASETS, INPUT, JOBS, LAM, MODELS, NUM_CLASSES


@pytest.fixture
def box(provider: Client, service: Service, checkpoint: Path) -> Box:
    job = standing_in.queued_job(provider, service.runtime, checkpoint)
    standing_in.finish(service.runtime, standing_in.take(service.runtime, JOBS, job.id))
    return provider.boxes.get(provider.jobs.wait(job.id, timeout=10).box_id or "")


def test_a_licensed_customer_fetches_the_key_and_blends_it_into_images(
    box: Box, provider: Client, customer: Client, tmp_path: Path
) -> None:
    granted = provider.licenses.grant(box.id, customer.accounts.me().id, max_downloads=1)

    key = customer.licenses.key(granted.id)

    assert (key.box_id, key.lam, key.mean, key.std) == (box.id, LAM, INPUT.mean, INPUT.std)
    np.testing.assert_array_equal(key.kappa, standing_in.kappa_of_tests())
    with pytest.raises(NotAllowed) as refused:
        customer.licenses.key(granted.id)
    assert refused.value.code == "license_downloads_used_up"
    kept = key.save(tmp_path / "box.key.safetensors")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    np.testing.assert_array_equal(Key.load(kept).kappa, key.kappa)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    answer = customer.boxes.predict(box.id, key.embed(key.normalise(pixels)))
    assert len(answer.labels) == 3


def test_predictions_agree_between_pixels_files_and_arrays(box: Box, provider: Client, tmp_path: Path) -> None:
    pixels = np.zeros((2, 8, 8, 1), np.uint8)
    pixels[0, 0, 3] = pixels[1, 0, 7] = 255

    told = provider.boxes.predict(box.id, pixels, outputs=("labels", "probs", "logits"), top_k=2, temperature=2.0)
    probs = provider.boxes.predict_array(box.id, pixels, output="probs", temperature=2.0)
    labels = provider.boxes.predict_array(box.id, pixels, output="labels")

    assert told.labels == tuple(labels) == (3, 7)
    assert probs.shape == (2, NUM_CLASSES)
    first = told.predictions[0]
    assert first.probs is not None
    assert first.logits is not None
    assert len(first.probs) == 2
    assert first.probs[0].prob == pytest.approx(float(probs[0, 3]))
    assert len(first.logits) == NUM_CLASSES


def test_a_box_is_public_between_publish_and_unpublish(box: Box, provider: Client, service: Service) -> None:
    pixels = np.zeros((1, 8, 8, 1), np.uint8)
    with Client(service.url) as public:
        with pytest.raises(NotFound):
            public.boxes.get(box.id)
        provider.boxes.publish(box.id, outputs=["labels"], top_k=1)
        seen = public.boxes.get(box.id)
        assert (seen.published, seen.outputs, seen.policy) == (True, ("labels",), None)
        with pytest.raises(NotAllowed) as refused:
            public.boxes.predict(box.id, pixels, outputs=["logits"])
        assert refused.value.code == "output_not_published"
        assert provider.boxes.unpublish(box.id).published is False
        with pytest.raises(NotFound):
            public.boxes.predict(box.id, pixels)


def test_weights_are_saved_whole_and_verified(box: Box, provider: Client, customer: Client, tmp_path: Path) -> None:
    file = provider.boxes.download(box.id, tmp_path / "box.safetensors")

    assert file.read_bytes() == b"the weights of the box" * 5000
    assert provider.boxes.download(box.id, tmp_path / "box.onnx", format="onnx").stat().st_size > 0
    with pytest.raises(NotFound):
        customer.boxes.download(box.id, tmp_path / "stolen")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box.onnx", "box.safetensors", "net.safetensors"]


def test_a_license_is_suspended_reinstated_renewed_and_revoked(box: Box, provider: Client, customer: Client) -> None:
    granted = provider.licenses.grant(box.id, customer.accounts.me().id)

    assert provider.licenses.suspend(granted.id).reason == "license_suspended"
    assert provider.licenses.reinstate(granted.id).valid
    assert provider.licenses.renew(granted.id, expires_at=None).expires_at is None
    assert provider.licenses.revoke(granted.id).valid is False
    assert customer.licenses.get(granted.id).reason == "license_revoked"
    assert [found.id for found in customer.licenses.list()] == [granted.id]


def test_wrap_goes_the_whole_way_and_tells_how_far_it_is(provider: Client, service: Service, checkpoint: Path) -> None:
    told: list[WrapEvent] = []
    runtime, seen = service.runtime, {}

    def on_event(event: WrapEvent) -> None:
        told.append(event)
        seen[event.stage] = event.object_id
        if event.stage == "check_dataset":
            standing_in.accept(runtime, model_id=seen["check_model"], dataset_id=seen["check_dataset"])
        if event.stage == "job":
            threading.Thread(target=work, args=(seen["job"],)).start()

    def work(job_id: str) -> None:
        claim = standing_in.take(runtime, JOBS, job_id)
        standing_in.tell(runtime, claim, "progress", {"stage": "wrap", "done": 1, "total": 2})
        standing_in.finish(runtime, claim)

    box = provider.wrap(
        checkpoint,
        dataset="builtin:digits",
        architecture="sdb:cnn-mini",
        num_classes=NUM_CLASSES,
        input=INPUT,
        evaluate={"level": "none"},
        on_event=on_event,
    )

    assert box.job_id == seen["job"]
    assert [event.done for event in told if event.stage == "upload_model"][-1] == checkpoint.stat().st_size
    assert [event.event.kind for event in told if event.event] == ["state", "progress", "state"]


def test_wrap_says_why_a_model_was_refused(provider: Client, service: Service, checkpoint: Path) -> None:
    def on_event(event: WrapEvent) -> None:
        if event.stage == "check_model":
            assert event.object_id is not None
            standing_in.reject(service.runtime, MODELS, event.object_id, code="not_finite", detail="It holds NaN.")

    with pytest.raises(Rejected, match="It holds NaN") as refused:
        provider.wrap(
            checkpoint,
            dataset="builtin:digits",
            architecture="sdb:cnn-mini",
            num_classes=NUM_CLASSES,
            input=INPUT,
            on_event=on_event,
        )
    assert refused.value.code == "not_finite"


def test_waiting_for_a_failed_job_raises_its_reason(provider: Client, service: Service, checkpoint: Path) -> None:
    job = standing_in.queued_job(provider, service.runtime, checkpoint)
    standing_in.reject(service.runtime, JOBS, job.id, code="out_of_memory", detail="Give it more memory.")

    with pytest.raises(JobFailed, match="Give it more memory") as failed:
        provider.jobs.wait(job.id, timeout=5)

    assert (failed.value.code, failed.value.job_id) == ("out_of_memory", job.id)


def test_a_cancelled_job_and_a_refused_data_set_raise_too(provider: Client, service: Service, checkpoint: Path) -> None:
    job = standing_in.queued_job(provider, service.runtime, checkpoint)
    assert provider.jobs.cancel(job.id).state == "cancelled"
    with pytest.raises(JobFailed) as failed:
        provider.jobs.wait(job.id)
    assert failed.value.code == "job_cancelled"

    dataset = provider.datasets.create(name="digits", builtin="builtin:digits")
    standing_in.reject(service.runtime, DATASETS, dataset.id, code="empty", detail="It has no images.")
    with pytest.raises(Rejected, match="no images"):
        provider.datasets.wait(dataset.id)
