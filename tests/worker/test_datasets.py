"""Data sets of the newer kinds, from the API's intake through the child that opens them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.datasets.service import KINDS
from sdb_core.datasets.contents import SUFFIXES
from tests.core.datasets.making import cifar10_python, png, tarred
from tests.worker.conftest import Workshop


def parquet(path: Path) -> bytes:
    images = [{"bytes": png(value=10 * number), "path": None} for number in range(20)]
    pq.write_table(pa.table({"image": images, "label": [number % 2 for number in range(20)]}), path)
    return path.read_bytes()


GOOD = {
    "set.parquet": (parquet, [1, 8, 8], ["0", "1"]),
    "CIFAR-10-python.TAR.GZ": (
        lambda path: tarred(path.with_suffix(".tgz"), cifar10_python()).read_bytes(),
        [3, 32, 32],
        ["airplane", "automobile", "bird"],
    ),
}


@pytest.mark.parametrize("filename", GOOD)
def test_a_dataset_in_parquet_or_tar_is_opened_by_the_child(workshop: Workshop, tmp_path: Path, filename: str) -> None:
    write, shape, names = GOOD[filename]
    dataset = workshop.checked_dataset(write(tmp_path / "made"), filename)
    assert dataset["state"] == "ready", dataset["reason"]
    assert (dataset["summary"]["shape"], dataset["summary"]["class_names"]) == (shape, names)


def test_a_file_of_another_kind_is_refused_at_the_door(workshop: Workshop) -> None:
    body = {"name": "set", "upload_id": workshop.upload(b"x", "set.rar")}
    assert workshop.post("/v1/datasets", body, status=422)["code"] == "dataset_kind_unknown"


def test_the_api_takes_the_files_that_the_child_can_open() -> None:
    assert set(KINDS) == set(SUFFIXES)
