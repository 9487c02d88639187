"""Archives are never unpacked to disk, and refused when they are damaged, too large, or lead somewhere else."""

import gzip
import io
import stat
import tarfile
import zipfile

import pytest

from sdb_core.datasets import open_dataset
from sdb_core.errors import CoreError
from tests.core.datasets.making import code_of, folder, member, on_disk, png, tarred, zipped

LONG = "a" * 120
FILES = {f"{LONG}/{name}": content for name, content in folder().items()}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_usual_form_of_tar_opens_long_names_too(tmp_path, form):
    splits = open_dataset(tarred(tmp_path / "a.tar.gz", FILES, form=form))
    assert splits.digest() == open_dataset(on_disk(tmp_path / "b", FILES)).digest()


def test_what_an_archive_is_counts_more_than_its_name(tmp_path):
    tarred(tmp_path / "a.tar.gz", folder()).rename(tmp_path / "dataset")
    zipped(tmp_path / "a.zip", folder()).rename(tmp_path / "other.tar")
    assert open_dataset(tmp_path / "dataset").digest() == open_dataset(tmp_path / "other.tar").digest()


def test_a_file_of_no_known_kind_is_told_what_is_taken(tmp_path):
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    with pytest.raises(CoreError, match=r"\.zip, \.tar or \.tar\.gz .* CIFAR, .*parquet .*npz") as caught:
        open_dataset(tmp_path / "a.rar")
    assert caught.value.code == "dataset_unreadable"


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.parquet", "a.npz"])
@pytest.mark.parametrize("content", [b"", b"PK nonsense", b"\x1f\x8b nonsense", b"PAR1 nonsense", b"\0" * 2000])
def test_nonsense_under_a_known_name_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert code_of(tmp_path / name) == "dataset_unreadable"


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_truncated_archive_is_refused_and_never_half_read(tmp_path, name, share):
    path = (zipped if name == "a.zip" else tarred)(tmp_path / name, folder(40))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert code_of(path) == "dataset_unreadable"


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_one_changed_bit_in_an_archive_with_checksums_is_noticed(tmp_path, name):
    files = folder() | {"cat/large.bmp": png(form="BMP", side=8)}
    path = (zipped if name == "a.zip" else tarred)(tmp_path / name, files)
    content = bytearray(path.read_bytes())
    content[content.index(b"BM") + 1200 if name == "a.zip" else -5] ^= 1
    path.write_bytes(bytes(content))
    assert code_of(path) == "dataset_unreadable"


def test_a_tar_cut_off_between_two_files_is_refused(tmp_path):
    path = tarred(tmp_path / "a.tar", folder())
    path.write_bytes(path.read_bytes()[: 20 * 1024])  # a header and a small file take 1,024 bytes
    assert code_of(path) == "dataset_unreadable"


def test_a_damaged_header_within_a_tar_is_refused(tmp_path):
    path = tarred(tmp_path / "a.tar", folder())
    content = bytearray(path.read_bytes())
    content[5 * 1024 + 3] ^= 1
    path.write_bytes(bytes(content))
    assert code_of(path) == "dataset_unreadable"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE])
def test_links_devices_and_sparse_files_in_a_tar_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in folder().items():
            archive.addfile(member(name, size=len(content)), io.BytesIO(content))
        odd = member("cat/odd.png", kind=kind)
        odd.linkname = "/etc/passwd"
        archive.addfile(odd)
    assert code_of(tmp_path / "a.tar") == "dataset_unreadable"


def test_a_link_in_a_zip_or_a_folder_is_refused(tmp_path):
    about = zipfile.ZipInfo("cat/odd.png")
    about.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(zipped(tmp_path / "a.zip", folder()), "a") as archive:
        archive.writestr(about, "/etc/passwd")
    assert code_of(tmp_path / "a.zip") == "dataset_unreadable"
    (on_disk(tmp_path / "b", folder()) / "cat/odd.png").symlink_to("/etc/passwd")
    assert code_of(tmp_path / "b") == "dataset_unreadable"


@pytest.mark.parametrize("name", ["../cat/1.png", "/cat/1.png", "dog/../../1.png"])
def test_a_path_that_leads_outside_is_refused(tmp_path, name):
    assert code_of(tarred(tmp_path / "a.tar", folder() | {name: b"x"})) == "dataset_unreadable"
    assert code_of(zipped(tmp_path / "a.zip", folder() | {name: b"x"})) == "dataset_unreadable"


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 1000), ("MOST_FILES", 19)])
@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "folder"])
def test_more_files_or_bytes_than_the_limit_are_refused(tmp_path, monkeypatch, limit, value, name):
    monkeypatch.setattr(f"sdb_core.datasets.contents.{limit}", value)
    write = {"a.zip": zipped, "folder": on_disk}.get(name, tarred)
    assert code_of(write(tmp_path / name, folder())) == "dataset_unreadable"


def test_a_tar_that_claims_terabytes_is_refused_before_they_are_unpacked(tmp_path):
    header = member("cat/1.png", size=1 << 42).tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "a.tar").write_bytes(header + bytes(10_000))
    with pytest.raises(CoreError, match="give a smaller one"):
        open_dataset(tmp_path / "a.tar")


def test_an_extended_header_of_any_size_is_not_loaded(tmp_path):
    header = member("x", size=1 << 33, kind=tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT)
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as stream:
        stream.write(header + bytes(3 << 20))
    with pytest.raises(CoreError, match="extended headers are too large"):
        open_dataset(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("record", [b"13 size=-1024\n", b"7 GNU.sparse.size=1\n", b"99 path=x\n", b"x path\n", b"0 \n"])
def test_an_extended_header_of_nonsense_is_refused(tmp_path, record):
    header = member("x", size=len(record), kind=tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT)
    rest = tarred(tmp_path / "rest.tar", folder()).read_bytes()
    (tmp_path / "a.tar").write_bytes(header + record.ljust(512, b"\0") + rest)
    assert code_of(tmp_path / "a.tar") == "dataset_unreadable"


def test_a_zip_of_a_later_version_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", folder())
    content = path.read_bytes().replace(b"PK\x01\x02\x14\x03\x14\x00", b"PK\x01\x02\x14\x03\x99\x00")
    assert content != path.read_bytes()
    path.write_bytes(content)
    assert code_of(path) == "dataset_unreadable"


def test_nothing_is_written_anywhere(tmp_path, monkeypatch):
    path = tarred(tmp_path / "a.tar.gz", folder())
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    open_dataset(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_encrypted_zip_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", folder())
    content = path.read_bytes().replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    assert content != path.read_bytes()
    path.write_bytes(content)
    assert code_of(path) == "dataset_unreadable"
