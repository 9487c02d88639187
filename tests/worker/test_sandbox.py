"""What a child can reach: its inputs to read, one folder to write, and nothing of the world."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.profiles import Profile
from worker.supervisor import sandbox
from worker.supervisor.workplace import Workplace

PROBE = """
import json, os, socket, sys
from pathlib import Path

def tried(act):
    try:
        act()
    except OSError:
        return False
    return True

inputs, outputs, secret, port = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
print(json.dumps({
    "reads inputs": tried(lambda: (inputs / "spec.json").read_text()),
    "writes outputs": tried(lambda: (outputs / "made").write_text("x")),
    "writes inputs": tried(lambda: (inputs / "made").write_text("x")),
    "reads the key": tried(lambda: secret.read_bytes()),
    "reaches the network": tried(lambda: socket.create_connection(("127.0.0.1", port), timeout=2)),
    "environment": sorted(os.environ),
}))
"""
KNOWN = {"PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "PWD", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
KNOWN |= {"OMP_NUM_THREADS", "OMP_WAIT_POLICY"}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path / "in", tmp_path / "out")
    for folder in (made.inputs, made.outputs, made.outputs / "tmp"):
        folder.mkdir()
    made.write_spec({})
    return made


@pytest.fixture
def listening_port() -> Iterator[int]:
    """The port of something that would answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_sandboxed_child_reaches_no_network_no_keys_and_only_its_own_folder(
    embedded_profile: Profile, place: Workplace, tmp_path: Path, listening_port: int
) -> None:
    settings = embedded_profile.settings
    if not sandbox.sandboxed(settings):
        pytest.skip("THE SANDBOX IS NOT TESTED: bubblewrap does not work here")
    (tmp_path / "kek").write_bytes(b"secret")
    line = sandbox.command(settings, place, kappa_fd=None)
    before_child = line[: line.index("-m")]
    probe = [*before_child, "-c", PROBE, str(place.inputs), str(place.outputs), str(tmp_path / "kek")]
    done = subprocess.run(
        [*probe, str(listening_port)],
        env=sandbox.environment(settings, place),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert set(found.pop("environment")) <= KNOWN
    assert found == {
        "reads inputs": True,
        "writes outputs": True,
        "writes inputs": False,
        "reads the key": False,
        "reaches the network": False,
    }
    assert sys.executable in before_child


def test_settings_that_demand_a_sandbox_refuse_to_go_without(
    embedded_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "bubblewrap_works", lambda: False)
    demanding = embedded_profile.settings.model_copy(update={"sandbox": "bubblewrap"})
    with pytest.raises(RuntimeError, match="install it"):
        sandbox.sandboxed(demanding)
