"""Parquet in the data hubs' layout opens as one file, or as a folder or an archive of parts."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from sdb_core.datasets import open_dataset
from sdb_core.errors import CoreError, DatasetError
from tests.core.datasets.making import code_of, png, tarred, zipped

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
LABELS = [number % 2 for number in range(20)]


def pictures(count: int = 20, **changes: Any) -> list[bytes]:
    return [png(value=10 * number, **changes) for number in range(count)]


def table(
    images: list[Any] | None = None, labels: list[Any] | None = None, *, column: str = "img", label: str = "label"
) -> pa.Table:
    rows = [{"bytes": image, "path": "x.png"} for image in (pictures() if images is None else images)]
    return pa.table({column: pa.array(rows, STRUCT), label: pa.array(LABELS if labels is None else labels, pa.int64())})


def written(path: Path, content: pa.Table | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table() if content is None else content, path)
    return path


def bytes_of(content: pa.Table | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table() if content is None else content, sink)
    return sink.getvalue().to_pybytes()


def test_one_file_gives_a_fifth_of_each_class_to_be_judged_on(tmp_path):
    splits = open_dataset(written(tmp_path / "a.parquet"))
    assert (len(splits.train), len(splits.test), splits.shape) == (16, 4, (1, 8, 8))
    assert splits.train.class_names == ("0", "1")
    values = torch.cat([splits.train.images, splits.test.images])[:, 0, 0, 0].sort().values
    assert values.tolist() == [10 * number for number in range(20)]


@pytest.mark.parametrize("test", ["test", "validation", "val"])
def test_parts_are_taken_from_the_names_of_the_files(tmp_path, test):
    for name, count in (("train-00000-of-00002", 12), ("train-00001-of-00002", 8), (f"{test}-00000-of-00001", 4)):
        written(tmp_path / "data" / f"{name}.parquet", table(pictures(count), LABELS[:count]))
    splits = open_dataset(tmp_path)
    assert (len(splits.train), len(splits.test)) == (20, 4)
    assert splits.train.images[:, 0, 0, 0].tolist() == [10 * n for n in [*range(12), *range(8)]]


def test_parts_may_be_folders_and_packed(tmp_path):
    files = {
        "plain/train/0000.parquet": bytes_of(),
        "plain/test/0000.parquet": bytes_of(table(pictures(4), LABELS[:4])),
    }
    one, other = (open_dataset(path) for path in (zipped(tmp_path / "a.zip", files), tarred(tmp_path / "a.tgz", files)))
    assert (len(one.train), len(one.test)) == (20, 4)
    assert one.digest() == other.digest()


@pytest.mark.parametrize("folder", ["training-data", "tests", "validated"])
def test_a_files_own_name_says_its_part_before_its_folders(tmp_path, folder):
    """Else the images to be judged on would be trained on too."""
    for name, count in (("train", 20), ("test", 4)):
        written(tmp_path / folder / f"{name}.parquet", table(pictures(count), LABELS[:count]))
    splits = open_dataset(tmp_path)
    assert (len(splits.train), len(splits.test)) == (20, 4)


def test_a_test_part_is_preferred_to_a_validation_part(tmp_path):
    sizes = {"train": 20, "test": 4, "validation": 6}
    for name, count in sizes.items():
        written(tmp_path / f"{name}.parquet", table(pictures(count), LABELS[:count]))
    assert len(open_dataset(tmp_path).test) == 4


def test_the_hubs_other_column_names_are_known(tmp_path):
    one = open_dataset(written(tmp_path / "a.parquet", table(column="image", label="fine_label")))
    binary = pa.table({"image": pa.array(pictures(), pa.binary()), "label": pa.array(LABELS, pa.int32())})
    assert one.digest() == open_dataset(written(tmp_path / "b.parquet", binary)).digest()


def test_class_names_come_from_the_hubs_note_in_the_schema(tmp_path):
    about = {
        "info": {"features": {"img": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}
    }
    noted = table().replace_schema_metadata({"huggingface": json.dumps(about)})
    assert open_dataset(written(tmp_path / "a.parquet", noted)).train.class_names == ("cat", "dog")
    for other in ("no json", "{}", '{"info": {"features": {"label": {"names": [1, 2]}}}}'):
        spoilt = table().replace_schema_metadata({"huggingface": other})
        assert open_dataset(written(tmp_path / "a.parquet", spoilt)).train.class_names == ("0", "1")


def test_images_are_converted_to_the_shape_asked_for(tmp_path):
    mixed = table([*pictures(19), png(side=20, mode="RGB")])
    assert open_dataset(written(tmp_path / "a.parquet", mixed), channels=3, size=(16, 12)).shape == (3, 16, 12)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (table([*pictures()[:19], b"no image"]), "dataset_image_unreadable"),
        (table([*pictures()[:19], None]), "dataset_image_unreadable"),
        (table([*pictures()[:19], png(side=9)]), "dataset_shape_mixed"),
        (table(labels=[*LABELS[:19], None]), "dataset_labels_invalid"),
        (table(labels=[*LABELS[:19], 5]), "dataset_labels_invalid"),
        (table(labels=[*LABELS[:19], -1]), "dataset_labels_invalid"),
        (table(labels=[0] * 20), "dataset_one_class"),
        (table([], []), "dataset_unreadable"),
        (table(column="picture"), "dataset_unreadable"),
        (table(label="target"), "dataset_unreadable"),
        (pa.table({"img": pictures(), "label": [str(label) for label in LABELS]}), "dataset_unreadable"),
        (pa.table({"img": ["x.png"] * 20, "label": LABELS}), "dataset_unreadable"),
        (pa.table({"img": [{"path": "x.png"}] * 20, "label": LABELS}), "dataset_unreadable"),
    ],
)
def test_each_bad_table_has_its_code(tmp_path, content, code):
    assert code_of(written(tmp_path / "a.parquet", content)) == code


def test_a_label_beyond_the_named_classes_is_refused(tmp_path):
    about = {"info": {"features": {"label": {"names": ["cat"]}}}}
    noted = table().replace_schema_metadata({"huggingface": json.dumps(about)})
    assert code_of(written(tmp_path / "a.parquet", noted)) == "dataset_labels_invalid"


def test_a_bad_image_is_named_by_its_file_and_number(tmp_path):
    files = {"train.parquet": bytes_of(table([*pictures(7), b"x", *pictures(12)])), "test.parquet": bytes_of()}
    with pytest.raises(CoreError, match=r"train\.parquet, image 7 ") as caught:
        open_dataset(zipped(tmp_path / "a.zip", files))
    assert caught.value.code == "dataset_image_unreadable"


def test_damaged_files_are_refused_and_never_half_read(tmp_path):
    whole = bytes_of()
    for damaged in (
        whole[: len(whole) // 2],
        whole[4:],
        b"PAR1" + bytes(100) + b"PAR1",
        whole[:-8] + bytes(4) + b"PAR1",
    ):
        (tmp_path / "a.parquet").write_bytes(damaged)
        assert code_of(tmp_path / "a.parquet") == "dataset_unreadable"


def test_changed_bytes_end_in_a_data_set_or_a_refusal(tmp_path):
    whole = bytes_of()
    for place in range(0, len(whole), len(whole) // 60):
        changed = bytearray(whole)
        changed[place] ^= 255
        (tmp_path / "a.parquet").write_bytes(bytes(changed))
        with contextlib.suppress(DatasetError):
            assert len(open_dataset(tmp_path / "a.parquet").train) == 16


def test_more_images_than_the_limit_are_refused_undecoded(tmp_path, monkeypatch):
    monkeypatch.setattr("sdb_core.datasets.pixels.MOST_IMAGES", 19)
    with pytest.raises(CoreError, match="more than 19"):
        open_dataset(written(tmp_path / "a.parquet"))


def test_a_file_of_any_size_is_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("sdb_core.datasets.parquet.MOST_FILE_BYTES", 100)
    assert code_of(written(tmp_path / "a.parquet")) == "dataset_unreadable"


def test_without_pyarrow_the_error_names_it(tmp_path, monkeypatch):
    path = written(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CoreError, match="pip install pyarrow") as caught:
        open_dataset(path)
    assert caught.value.code == "dataset_unreadable"
