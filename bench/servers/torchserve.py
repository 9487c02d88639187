"""TorchServe with ONNX Runtime in its handler: one model, one worker, batches of up to 32.

It is given what it needs to be fast on one core: no line of log and no metric for each request, no token, one netty
thread for each of its tasks, and Java's collector for one processor. A batch waits 5 ms at most: with 1 ms it answered
less. Java compiles what runs often while it runs, so that the first ten seconds are slower than all later ones.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.load import Request
from bench.servers.networks import write_onnx
from bench.servers.process import Served, free_port, has_module, start

_HANDLER = Path(__file__).with_name("torchserve_handler.py")
_MODEL = {"minWorkers": 1, "maxWorkers": 1, "batchSize": 32, "maxBatchDelay": 5, "responseTimeout": 60}
_JAVA = "-XX:+UseSerialGC -Xmx1g"
_LOG = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="error">
  <Appenders><Console name="console"><PatternLayout pattern="%p %c %m%n"/></Console></Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
"""
_METRICS = "dimensions: []\nts_metrics: {counter: []}\nmodel_metrics: {gauge: []}\n"


class TorchServe:
    """The peer that needs Java beside its packages."""

    name = "torchserve"
    packages = ("torchserve", "torch", "onnxruntime")
    warm_up = 15.0

    def is_installed(self, python: str) -> bool:
        needs = ("ts", "model_archiver", "onnxruntime")
        return shutil.which("java") is not None and all(has_module(python, name) for name in needs)

    def start(self, python: str, *, network: str, folder: Path, cores: Sequence[int], env: Mapping[str, str]) -> Served:
        home = folder / self.name
        for part in (home, home / "store", home / "temp"):
            part.mkdir()
        _archive(python, network, home)
        ports = [free_port() for _ in range(3)]
        (home / "config.properties").write_text(_config(home, ports))
        (home / "log4j2.xml").write_text(_LOG)
        (home / "metrics.yaml").write_text(_METRICS)
        options = ["--ts-config", str(home / "config.properties"), "--log-config", str(home / "log4j2.xml")]
        command = [python, "-m", "ts.model_server", "--foreground", "--ncs", "--disable-token-auth", *options]
        room = {"TMPDIR": str(home / "temp"), "TEMP": str(home / "temp"), "LOG_LOCATION": str(home / "logs")}
        return start(command, port=ports[0], log=folder / "torchserve.log", cores=cores, env={**env, **room}, cwd=home)

    def request(self, pictures: Sequence[bytes]) -> Request:
        return Request("/predictions/box", pictures, "image/png")


def _archive(python: str, network: str, home: Path) -> None:
    write_onnx(network, home / "model.onnx")
    code = "from model_archiver.model_packaging import generate_model_archive as main; main()"
    named = ["--model-name", "box", "--version", "1", "--handler", str(_HANDLER)]
    files = ["--extra-files", str(home / "model.onnx"), "--export-path", str(home / "store")]
    subprocess.run([python, "-c", code, *named, *files], check=True, stdout=subprocess.DEVNULL)


def _config(home: Path, ports: Sequence[int]) -> str:
    inference, management, metrics = (f"http://127.0.0.1:{port}" for port in ports)
    lines = {
        "inference_address": inference,
        "management_address": management,
        "metrics_address": metrics,
        "model_store": home / "store",
        "load_models": "box.mar",
        "models": json.dumps({"box": {"1": {"defaultVersion": True, "marName": "box.mar", **_MODEL}}}),
        "metrics_config": home / "metrics.yaml",
        "disable_system_metrics": "true",
        "number_of_netty_threads": 1,
        "netty_client_threads": 1,
        "job_queue_size": 1000,
        "vmargs": _JAVA,
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())
