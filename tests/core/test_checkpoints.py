"""Good checkpoints load; each bad one is refused with its code, before it can do harm."""

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sdb_core.checkpoints import load_state, load_weights, read_state_dict, save_state, save_weights
from sdb_core.errors import CheckpointError, CoreError, NumClassesMismatch
from sdb_core.nets import Architecture


@pytest.fixture
def net(architecture: Architecture) -> nn.Module:
    return architecture.build()


def code_of(path: Path, net: nn.Module) -> str:
    with pytest.raises(CoreError) as caught:
        load_weights(path, net)
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "a.pth", "a.tar"])
def test_saved_weights_load_again(tmp_path, net, architecture, name):
    if name.endswith(".safetensors"):
        save_weights(net, tmp_path / name)
    else:
        torch.save(net.state_dict(), tmp_path / name)
    other = architecture.build()
    load_weights(tmp_path / name, other)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("nesting", ["state_dict", "model"])
def test_a_nested_state_dict_of_a_parallel_net_loads(tmp_path, net, nesting):
    inner = {f"module.{name}": value for name, value in net.state_dict().items()}
    torch.save({"epoch": 3, nesting: inner}, tmp_path / "a.tar")
    load_weights(tmp_path / "a.tar", net)


def test_half_and_double_precision_become_float32(tmp_path, net):
    state = net.state_dict()
    state["classifier.weight"] = state["classifier.weight"].double()
    state["classifier.bias"] = state["classifier.bias"].half()
    torch.save(state, tmp_path / "a.pt")
    load_weights(tmp_path / "a.pt", net)
    assert net.state_dict()["classifier.weight"].dtype == torch.float32


def test_tied_weights_are_saved_and_read(tmp_path):
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    save_weights(net, tmp_path / "a.safetensors")
    torch.save(net.state_dict(), tmp_path / "a.pt")
    load_weights(tmp_path / "a.safetensors", net)
    load_weights(tmp_path / "a.pt", net)


def test_a_missing_tensor_is_named(tmp_path, net):
    state = net.state_dict()
    del state["classifier.bias"]
    torch.save(state, tmp_path / "a.pt")
    assert code_of(tmp_path / "a.pt", net) == "weights_missing"


def test_an_extra_tensor_is_refused(tmp_path, net):
    save_file({**net.state_dict(), "extra": torch.zeros(1)}, tmp_path / "a.safetensors")
    assert code_of(tmp_path / "a.safetensors", net) == "weights_unexpected"


def test_a_wrong_shape_is_refused(tmp_path, net):
    save_weights(Architecture("sdb:cnn-mini", 3, 3, 8, 8).build(), tmp_path / "a.safetensors")
    assert code_of(tmp_path / "a.safetensors", net) == "weights_shape_mismatch"


def test_a_wrong_class_count_names_both_numbers(tmp_path, net):
    save_weights(Architecture("sdb:cnn-mini", 7, 1, 8, 8).build(), tmp_path / "a.safetensors")
    with pytest.raises(NumClassesMismatch, match=r"7 classes.*with 3") as caught:
        load_weights(tmp_path / "a.safetensors", net)
    assert caught.value.code == "num_classes_mismatch"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(tmp_path, net, value):
    state = net.state_dict()
    state["classifier.bias"] = torch.full_like(state["classifier.bias"], value)
    torch.save(state, tmp_path / "a.pt")
    assert code_of(tmp_path / "a.pt", net) == "weights_not_finite"


def test_whole_numbers_for_weights_are_refused(tmp_path, net):
    state = net.state_dict()
    state["classifier.bias"] = state["classifier.bias"].long()
    torch.save(state, tmp_path / "a.pt")
    assert code_of(tmp_path / "a.pt", net) == "weights_dtype"


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_unreadable(tmp_path, net, name, kept):
    torch.save(net.state_dict(), tmp_path / "whole.pt")
    save_weights(net, tmp_path / "whole.safetensors")
    content = (tmp_path / f"whole{Path(name).suffix}").read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * kept)])
    assert code_of(tmp_path / name, net) == "checkpoint_unreadable"


def test_a_flipped_byte_in_a_torch_file_is_noticed(tmp_path, net):
    torch.save(net.state_dict(), tmp_path / "a.pt")
    content = bytearray((tmp_path / "a.pt").read_bytes())
    content[len(content) // 2] ^= 0x10
    (tmp_path / "a.pt").write_bytes(bytes(content))
    assert code_of(tmp_path / "a.pt", net) == "checkpoint_unreadable"


class Hostile:
    def __reduce__(self):
        return exec, (f"open({str(self.where)!r}, 'w').close()",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_with_code_is_refused_and_the_code_never_runs(tmp_path, net, protocol):
    hostile = Hostile()
    hostile.where = tmp_path / "was-here"
    torch.save({"state_dict": net.state_dict(), "x": hostile}, tmp_path / "a.pt", pickle_protocol=protocol)
    assert code_of(tmp_path / "a.pt", net) == "checkpoint_unsafe"
    assert not (tmp_path / "was-here").exists()
    torch.load(tmp_path / "a.pt", weights_only=False)
    assert (tmp_path / "was-here").exists(), "the file was harmless, so this test showed nothing"


def test_a_legacy_pickle_is_refused_with_the_cure(tmp_path, net):
    torch.save(net.state_dict(), tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"save it again with torch\.save"):
        load_weights(tmp_path / "a.pt", net)


def rezipped(path: Path, out: Path, *, compression: int = zipfile.ZIP_STORED, edit=None) -> None:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", compression) as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, edit(info.filename, content) if edit else content)


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path, net):
    torch.save({"a": torch.zeros(8_000_000)}, tmp_path / "whole.pt")
    rezipped(tmp_path / "whole.pt", tmp_path / "a.pt", compression=zipfile.ZIP_DEFLATED)
    assert (tmp_path / "a.pt").stat().st_size < 100_000
    assert code_of(tmp_path / "a.pt", net) == "checkpoint_too_large"


def test_an_entry_with_an_outside_path_is_refused(tmp_path, net):
    torch.save(net.state_dict(), tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt", "a") as archive:
        archive.writestr("../outside", b"")
    assert code_of(tmp_path / "a.pt", net) == "checkpoint_unsafe"


def test_a_storage_that_claims_more_than_its_record_is_refused(tmp_path, net):
    torch.save({"a": torch.arange(70_000, dtype=torch.float32)}, tmp_path / "whole.pt")
    count = struct.pack("<i", 70_000)

    def inflate(name: str, content: bytes) -> bytes:
        assert not name.endswith("data.pkl") or count in content
        return content.replace(count, struct.pack("<i", 2**31 - 1)) if name.endswith("data.pkl") else content

    rezipped(tmp_path / "whole.pt", tmp_path / "a.pt", edit=inflate)
    assert code_of(tmp_path / "a.pt", net) == "checkpoint_too_large"


def test_a_small_torch_file_that_loads_as_four_tebibytes_is_refused(tmp_path, net):
    torch.save({"a": torch.zeros(1).expand(2**40)}, tmp_path / "a.pt")
    assert (tmp_path / "a.pt").stat().st_size < 3000
    assert code_of(tmp_path / "a.pt", net) == "checkpoint_too_large"


def test_a_safetensors_header_that_claims_four_tebibytes_is_refused(tmp_path, net):
    entry = {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    header = json.dumps(entry).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    assert code_of(tmp_path / "a.safetensors", net) == "checkpoint_too_large"


def test_a_file_over_the_limit_is_refused(tmp_path, net):
    save_weights(net, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError) as caught:
        read_state_dict(tmp_path / "a.safetensors", limit=1000)
    assert caught.value.code == "checkpoint_too_large"


def test_a_training_state_comes_back_and_a_damaged_one_says_so(tmp_path):
    path = tmp_path / "state.pt"
    save_state(path, {"step": 3, "net": {"w": torch.ones(2)}, "history": [{"loss": 0.5}]})
    assert load_state(path)["history"] == [{"loss": 0.5}]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError):
        load_state(path)


def test_writing_leaves_no_temporary_file_behind(tmp_path, net):
    save_weights(net, tmp_path / "a.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    assert io.BytesIO((tmp_path / "a.safetensors").read_bytes()).read(1)


def test_a_net_whose_own_names_begin_with_module_gets_its_weights_back(tmp_path):
    wrapper = nn.Module()
    wrapper.module = nn.Linear(4, 4)
    save_weights(wrapper, tmp_path / "a.safetensors")
    load_weights(tmp_path / "a.safetensors", wrapper)
