"""What boxes run on: CUDA where it is there and wanted, the CPU behind it, and both said."""

import logging
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from prometheus_client.parser import text_string_to_metric_families

from api.predictions.providers import CPU, CUDA, Wanted, providers_for
from api.predictions.sessions import Sessions
from tests.api.asking import ask
from tests.api.conftest import house_on
from tests.api.networks import Network, as_npy, normalised, random_pixels
from tests.api.seeding import NOBODY, House, Person
from tests.api.test_sessions import boxes_of
from tests.servers.profiles import Profile

PIXELS = random_pixels(2)


def pretend(monkeypatch: pytest.MonkeyPatch, *available: str) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(available))


@pytest.mark.parametrize(
    ("wanted", "available", "names"),
    [
        ("auto", (CPU,), [CPU]),
        ("auto", ("TensorrtExecutionProvider", CUDA, CPU), [CUDA, CPU]),
        ("auto", ("AzureExecutionProvider", CPU), [CPU]),
        ("cuda", (CUDA, CPU), [CUDA, CPU]),
        ("cpu", (CUDA, CPU), [CPU]),
    ],
)
def test_cuda_is_taken_where_it_is_there_and_wanted_and_the_cpu_is_always_behind_it(
    monkeypatch: pytest.MonkeyPatch, wanted: Wanted, available: tuple[str, ...], names: list[str]
) -> None:
    pretend(monkeypatch, *available)
    assert [name for name, _ in providers_for(wanted)] == names


def test_on_cuda_float32_stays_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, CUDA, CPU)
    options = dict(providers_for("auto"))
    assert options[CUDA]["use_tf32"] == "0"


def test_a_cuda_that_is_demanded_and_absent_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, embedded_profile: Profile, network: Network
) -> None:
    pretend(monkeypatch, CPU)
    settings = embedded_profile.settings.model_copy(update={"onnx_provider": "cuda"})
    with pytest.raises(RuntimeError, match="onnxruntime-gpu"), house_on(settings, network):
        pass


def test_a_box_is_opened_on_the_providers_that_were_found(
    monkeypatch: pytest.MonkeyPatch, house: House, provider: Person
) -> None:
    pretend(monkeypatch, CUDA, CPU)
    asked, session = [], ort.InferenceSession

    def opened(content: bytes, options: Any, *, providers: list[Any]) -> Any:
        asked.append(providers)
        return session(content, options, providers=[CPU])

    monkeypatch.setattr(ort, "InferenceSession", opened)
    Sessions.of(house.runtime).load(boxes_of(house, provider, 1)[0])
    assert [[name for name, _ in each] for each in asked] == [[CUDA, CPU]]


def test_where_cuda_does_not_start_boxes_answer_on_the_cpu_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, house: House, provider: Person
) -> None:
    pretend(monkeypatch, CUDA, CPU)
    (box,), session = boxes_of(house, provider, 1), ort.InferenceSession
    monkeypatch.setattr(ort, "InferenceSession", lambda content, options, **_: session(content, options))
    with caplog.at_level(logging.INFO, logger="api.predictions.sessions"):
        sessions = Sessions.of(house.runtime)
        assert sessions.provider == CUDA
        answer = sessions.load(box).engine.run(normalised(PIXELS))
    assert answer.shape == (2, 10)
    assert np.isfinite(answer).all()
    assert sessions.provider == CPU
    assert [(one.levelname, one.provider) for one in caplog.records] == [("INFO", CUDA), ("WARNING", CPU)]  # type: ignore[attr-defined]


def test_onnxruntime_has_no_bfloat16_convolution_for_cpus() -> None:
    """Why a job with precision bfloat16 is refused; should this fail, that can be judged anew."""
    kind = TensorProto.BFLOAT16
    ends = [helper.make_tensor_value_info(name, kind, shape) for name, shape in _CONVOLUTION.items()]
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"])], "one", ends[:2], ends[2:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    with pytest.raises(Exception, match="NOT_IMPLEMENTED"):
        ort.InferenceSession(made.SerializeToString(), providers=[CPU])


_CONVOLUTION = {"x": [1, 3, 8, 8], "w": [4, 3, 3, 3], "y": [1, 4, 6, 6]}


def test_metrics_say_what_boxes_run_on(house: House, provider: Person) -> None:
    ask(house, house.box(provider), as_npy(PIXELS), who=provider)
    families = text_string_to_metric_families(house.get(NOBODY, "/metrics").text)
    [told] = [one for family in families if family.name == "sdb_onnx_provider" for one in family.samples]
    assert (told.labels, told.value) == ({"provider": CPU}, 1)
