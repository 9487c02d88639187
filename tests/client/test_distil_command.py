"""`sdb distill`: what it says of its way, on a terminal and elsewhere, and which files it refuses."""

import json
import os
import pty
import sys
from pathlib import Path

import numpy as np
import pytest

from sdb_client import Box, Client, DistillProgress, ImagesUnreadable
from sdb_client.cli.progress import counting
from sdb_client.images import opened, sha256_of_array

from .conftest import Sdb
from .desk import PIXELS


@pytest.fixture
def theirs(box: Box, provider: Client, customer: Client) -> str:
    """The token of a customer who may have 100 answers."""
    provider.licenses.grant(box.id, customer.accounts.me().id, mode="hosted", max_predictions=100)
    return customer.tokens.issue("command").token


def test_a_used_up_license_keeps_the_answers_and_the_same_command_goes_on(
    sdb: Sdb, box: Box, theirs: str, provider: Client, customer: Client, tmp_path: Path
) -> None:
    np.save(tmp_path / "train.npy", PIXELS)
    command = ("distill", box.id, "train.npy", "-o", "open.npy", "--batch", "25", "--json")

    stopped = sdb(*command, token=theirs)
    provider.licenses.grant(box.id, customer.accounts.me().id, mode="hosted")
    finished = sdb(*command, token=theirs)

    assert (stopped.returncode, finished.returncode) == (1, 0), finished.stderr
    assert "100 of 150 answers are kept in open.npy.partial; the same command goes on.\n" in stopped.stderr
    assert "predictions are used up" in stopped.stderr
    assert json.loads(stopped.stdout)["error"]["code"] == "license_predictions_used_up"
    assert finished.stderr.splitlines()[0] == "images: 100 of 150"
    assert finished.stderr.splitlines()[-1] == "images: 150 of 150"
    assert json.loads(finished.stdout) == {"images": 150, "logits": "open.npy"}
    assert np.load(tmp_path / "open.npy").shape == (150, 10)


def test_where_there_is_no_terminal_each_tenth_and_each_wait_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("images") as count:
        for now in (
            DistillProgress(0, 100),
            DistillProgress(4, 100),
            DistillProgress(11, 100),
            DistillProgress(11, 100, 1.5, "full"),
            DistillProgress(11, 100, 0.5, "full"),
            DistillProgress(12, 100),
            DistillProgress(12, 100, 7, "full"),
            DistillProgress(100, 100),
        ):
            count(now)

    assert capsys.readouterr().err.splitlines() == [
        "images: 0 of 100",
        "images: 11 of 100",
        "images: waiting 2 s: full",
        "images: waiting 7 s: full",
        "images: 100 of 100",
    ]


def test_on_a_terminal_a_bar_says_why_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("COLUMNS", "100")
        monkeypatch.setenv("TERM", "xterm")
        with counting("images") as count:
            count(DistillProgress(40, 100))
            count(DistillProgress(60, 100, 9.0, "[no] images are left"))
            count(DistillProgress(60, 100, 8.0, "[no] images are left"))
    drawn = os.read(ours, 65536).decode()
    os.close(ours)

    assert "60/100" in drawn
    assert "waiting 8 s" in drawn
    assert drawn.count("[no] images are left") == 1


def test_images_in_a_file_are_mapped_and_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PIXELS)
    np.savez(tmp_path / "b.npz", x_train=PIXELS, x_test=PIXELS[:1])
    np.savez(tmp_path / "c.npz", PIXELS)

    for name in ("a.npy", "b.npz", "c.npz"):
        with opened(tmp_path / name, scratch=tmp_path) as array:
            assert isinstance(array, np.memmap)
            assert sha256_of_array(array) == sha256_of_array(PIXELS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npz", "c.npz"]


def test_the_digest_tells_type_shape_and_every_number_apart() -> None:
    changed = PIXELS.copy()
    changed[0, 0, 0, 0] ^= 1
    others = (changed, PIXELS[::-1], PIXELS.reshape(150, 4, 16, 1), PIXELS.view(np.int8), np.asfortranarray(PIXELS))

    digests = [sha256_of_array(array) for array in (PIXELS, *others)]

    assert digests[0] == digests[-1]  # the same numbers, laid out in another order
    assert len(set(digests)) == 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no array at all", "write it with numpy.save"),
        (b"", "write it with numpy.save"),
        (np.zeros((0, 8, 8, 1), np.uint8), "no image in"),
        (np.uint8(3), "no image in"),
        (np.zeros((2, 8, 8, 1), np.int64), "make them uint8 pixels"),
        ({"x": PIXELS, "y": PIXELS}, "name the array of images 'images'"),
    ],
)
def test_what_is_no_array_of_images_is_refused_with_a_cure(tmp_path: Path, content: object, words: str) -> None:
    file = tmp_path / "train"
    with file.open("wb") as opened_file:
        if isinstance(content, bytes):
            opened_file.write(content)
        elif isinstance(content, dict):
            np.savez(opened_file, **content)
        else:
            np.save(opened_file, content)

    with pytest.raises(ImagesUnreadable, match=words), opened(file, scratch=tmp_path):
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["train"]
