"""A whole data set through `distill`: what has been answered, and counted, is never asked for again."""

from pathlib import Path

import numpy as np
import pytest

from sdb_client import Box, Client, ConnectionFailed, DistillProgress, Invalid, NotAllowed, OutputTaken

from . import standing_in
from .desk import BATCH, PIXELS, Desk
from .running import Service, running, small_settings
from .standing_in import JOBS
from .weather import MakeLine


@pytest.fixture
def desk(box: Box, provider: Client, customer: Client, service: Service, bad_line: MakeLine, tmp_path: Path) -> Desk:
    return desk_at(service, box, provider, customer, bad_line, tmp_path)


def desk_at(
    service: Service,
    box: Box,
    provider: Client,
    customer: Client,
    make_line: MakeLine,
    folder: Path,
    *,
    most: int | None = None,
) -> Desk:
    held = provider.licenses.grant(box.id, customer.accounts.me().id, mode="hosted", max_predictions=most)
    token = customer.tokens.issue("distilling").token
    return Desk(service, make_line, folder / "open.npy", box=box.id, license=held.id, token=token)


def test_the_answers_are_those_of_single_requests_and_nothing_else_is_left(desk: Desk, customer: Client) -> None:
    told: list[DistillProgress] = []

    sent = desk.ask(progress=told.append)

    assert sorted(sent) == [6] + [BATCH] * 9
    np.testing.assert_array_equal(np.load(desk.to), customer.boxes.distill(desk.box, PIXELS))
    assert desk.left_behind == ["open.npy"]
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert (told[0].done, told[-1].done, told[-1].total) == (0, 150, 150)


def test_files_are_taken_as_arrays_are_and_answers_may_be_half_as_long(
    desk: Desk, customer: Client, tmp_path: Path
) -> None:
    normalised = ((PIXELS / np.float32(255) - np.float32(0.5)) / np.float32(0.25)).transpose(0, 3, 1, 2)
    np.save(tmp_path / "pixels.npy", PIXELS)
    np.savez_compressed(tmp_path / "train.npz", images=PIXELS, labels=np.zeros(150))
    expected = customer.boxes.distill(desk.box, PIXELS)

    for given in (tmp_path / "pixels.npy", str(tmp_path / "train.npz"), normalised):
        desk.ask(images=given)
        np.testing.assert_allclose(np.load(desk.to), expected, atol=1e-5)
        desk.to.unlink()
    desk.ask(half=True)

    assert np.load(desk.to).dtype == np.float16
    np.testing.assert_allclose(np.load(desk.to), expected, rtol=1e-3, atol=1e-3)
    assert desk.left_behind == ["open.npy"]


def test_after_a_lost_line_only_what_is_missing_is_asked_for(desk: Desk) -> None:
    with pytest.raises(ConnectionFailed):
        desk.ask(lambda before: "lost" if before >= 5 else "pass")
    assert desk.kept == desk.counted == 5 * BATCH
    assert not desk.to.exists()

    sent = desk.ask(batch=40)

    assert sorted(sent) == [30, 40]
    assert desk.counted == 150
    assert desk.left_behind == ["open.npy"]


def test_rows_of_an_interrupted_run_are_where_they_belong(desk: Desk, customer: Client) -> None:
    with pytest.raises(ConnectionFailed):
        desk.ask(lambda before: "pass" if before in (1, 2, 6) else "lost")
    assert desk.kept == 3 * BATCH

    desk.ask()

    np.testing.assert_array_equal(np.load(desk.to), customer.boxes.distill(desk.box, PIXELS))


def test_ctrl_c_keeps_what_is_under_way_and_nothing_is_counted_twice(desk: Desk) -> None:
    def press(progress: DistillProgress) -> None:
        if progress.done == 3 * BATCH and not progress.reason:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.ask(progress=press, connections=4)
    assert 3 * BATCH <= desk.kept == desk.counted < 150

    desk.ask()

    assert desk.counted == 150


def test_an_outage_is_waited_out_and_only_a_lost_answer_is_counted_again(desk: Desk) -> None:
    told: list[DistillProgress] = []
    faults = {2: "lost", 4: "unanswered", 5: "lost"}

    sent = desk.ask(lambda before: faults.get(before, "pass"), connections=1, progress=told.append)

    assert len(sent) == 13
    assert desk.counted == 150 + BATCH
    assert desk.pauses == [0.5, 0.5, 1.0]
    assert [one.waits for one in told if one.waits] == desk.pauses
    assert all("could not be reached" in one.reason for one in told if one.waits)


def test_a_spent_budget_is_waited_out_as_long_as_the_service_says(desk: Desk) -> None:
    told: list[DistillProgress] = []

    sent = desk.ask(lambda before: "busy" if before == 3 else "pass", connections=1, progress=told.append)

    assert desk.pauses == [1.0] * 7
    assert next((one.waits, one.reason) for one in told if one.waits) == (7.0, "No images are left; wait 7 s.")
    assert (len(sent), desk.counted) == (11, 150)


def test_a_batch_that_no_minute_has_room_for_goes_in_halves(desk: Desk) -> None:
    sent = desk.ask(lambda before: "busy" if before < 3 else "pass", connections=1)

    assert sent[:5] == [16, 16, 16, 8, 8]
    assert desk.counted == 150


def test_a_license_is_used_to_its_last_image_and_the_answers_are_kept(
    box: Box, provider: Client, customer: Client, service: Service, bad_line: MakeLine, tmp_path: Path
) -> None:
    desk = desk_at(service, box, provider, customer, bad_line, tmp_path, most=101)
    with pytest.raises(NotAllowed) as refused:
        desk.ask()
    assert refused.value.code == "license_predictions_used_up"
    assert desk.kept == desk.counted == 101

    again = desk_at(service, box, provider, customer, bad_line, tmp_path)
    again.ask()

    assert (desk.counted, again.counted) == (101, 49)
    np.testing.assert_array_equal(np.load(desk.to), customer.boxes.distill(desk.box, PIXELS))


def test_other_images_and_another_precision_are_refused_with_a_cure(desk: Desk) -> None:
    with pytest.raises(ConnectionFailed):
        desk.ask(lambda before: "lost" if before >= 2 else "pass")
    changed = PIXELS.copy()
    changed[-1, -1, -1, -1] ^= 1

    for options, what in (
        ({"images": changed}, "other images"),
        ({"images": PIXELS[:100]}, "other images"),
        ({"half": True}, "another precision"),
    ):
        with pytest.raises(OutputTaken, match=rf"{what}; name another output, or remove it and open.npy.partial.json"):
            desk.ask(**options)
    assert desk.kept == desk.counted == 2 * BATCH


def test_another_box_under_the_same_output_is_refused(
    desk: Desk, provider: Client, customer: Client, service: Service, checkpoint: Path, bad_line: MakeLine
) -> None:
    with pytest.raises(ConnectionFailed):
        desk.ask(lambda before: "lost" if before >= 2 else "pass")
    job = standing_in.queued_job(provider, service.runtime, checkpoint)
    standing_in.finish(service.runtime, standing_in.take(service.runtime, JOBS, job.id))
    other_box = provider.boxes.get(provider.jobs.get(job.id).box_id or "")
    other = desk_at(service, other_box, provider, customer, bad_line, desk.to.parent)

    with pytest.raises(OutputTaken, match="of another box"):
        other.ask()

    assert other.counted == 0


def test_a_finished_output_is_not_written_over_and_costs_nothing(desk: Desk) -> None:
    desk.ask()
    before = desk.to.read_bytes()

    with pytest.raises(OutputTaken, match="remove it, or name another output"):
        desk.ask()

    assert desk.to.read_bytes() == before
    assert desk.counted == 150


def test_a_second_run_at_the_same_time_is_refused(desk: Desk) -> None:
    refused: list[OutputTaken] = []

    def run_again(progress: DistillProgress) -> None:
        if progress.done and not refused:
            with pytest.raises(OutputTaken, match="Another run") as found:
                desk.ask()
            refused.append(found.value)

    desk.ask(progress=run_again)

    assert len(refused) == 1
    assert desk.counted == 150


@pytest.mark.parametrize("note", [b"", b"{}", b'{"format": "sdb-partial/9"}', None])
def test_answers_whose_note_is_damaged_or_gone_are_not_trusted(desk: Desk, note: bytes | None) -> None:
    with pytest.raises(ConnectionFailed):
        desk.ask(lambda before: "lost" if before >= 2 else "pass")
    desk.note.unlink() if note is None else desk.note.write_bytes(note)

    with pytest.raises(OutputTaken, match="to begin anew"):
        desk.ask()


def test_what_fails_before_the_first_answer_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(Invalid):
        desk.ask(images=np.zeros((3, 9, 9, 1), np.uint8))

    assert (desk.left_behind, desk.counted) == ([], 0)


def test_a_service_that_takes_less_at_a_time_and_restarts_gets_each_image_once(
    tmp_path: Path, checkpoint: Path, bad_line: MakeLine
) -> None:
    settings = small_settings(tmp_path / "service").model_copy(update={"max_predict_images": 10})
    with running(settings) as service:
        provider = service.client_of("provider", role="provider")
        customer = service.client_of("customer", role="customer")
        with provider, customer:
            job = standing_in.queued_job(provider, service.runtime, checkpoint)
            standing_in.finish(service.runtime, standing_in.take(service.runtime, JOBS, job.id))
            box = provider.boxes.get(provider.jobs.get(job.id).box_id or "")
            desk = desk_at(service, box, provider, customer, bad_line, tmp_path)
            with pytest.raises(ConnectionFailed):
                desk.ask(lambda before: "lost" if before >= 12 else "pass")
    kept = desk.kept
    with running(settings) as service:
        after = Desk(service, bad_line, desk.to, box=desk.box, license=desk.license, token=desk.token)
        sent = after.ask()

        assert 0 < kept < 150
        assert sum(images for images in sent if images <= 10) == 150 - kept
        assert after.counted == 150
    assert np.isfinite(np.load(desk.to)).all()
