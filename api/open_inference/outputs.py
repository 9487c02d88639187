"""Which tensors a caller may have of a box, and which they get. What may be shown is settled in `api.predictions`."""

from collections.abc import Sequence

from api.open_inference.schemas import INPUT, VERSION, ModelMetadata, TensorMetadata
from api.predictions.answers import require_array
from api.predictions.asked import KNOWN, Asked, shown_to
from api.predictions.known import Standing
from sdb_service.errors import Forbidden, Invalid

DATATYPES = {"labels": "INT64", "probs": "FP32", "logits": "FP32"}
_USUAL = ("labels", "probs")


def metadata_of(standing: Standing) -> ModelMetadata:
    """The box as the caller sees it."""
    box = standing.box
    geometry = box.geometry
    rows: dict[str, list[int]] = {"labels": [-1]}
    images = [-1, geometry.channels, geometry.height, geometry.width]
    return ModelMetadata(
        name=box.id,
        versions=[VERSION],
        platform="onnxruntime_onnx",
        inputs=[TensorMetadata(name=INPUT, datatype="FP32", shape=images)],
        outputs=[
            TensorMetadata(name=name, datatype=DATATYPES[name], shape=rows.get(name, [-1, box.num_classes]))
            for name in offered(standing)
        ],
    )


def offered(standing: Standing) -> tuple[str, ...]:
    """The outputs that the caller may have whole, with every class."""
    found = []
    for name in KNOWN:
        try:
            _require_shown(standing, name)
        except Forbidden:
            continue
        found.append(name)
    return tuple(found)


def chosen(standing: Standing, names: Sequence[str]) -> tuple[str, ...]:
    """The outputs that the caller names; without any, labels and probs as far as they may have them.

    Raises:
        Invalid: no such output, or one twice. Forbidden: not for this caller.
    """
    if names:
        require_known(names, KNOWN)
        for name in names:
            _require_shown(standing, name)
        return tuple(names)
    may = offered(standing)
    found = tuple(name for name in _USUAL if name in may) or may
    if not found:
        _require_shown(standing, standing.box.outputs[0])
    return found


def require_known(names: Sequence[str], known: Sequence[str]) -> None:
    """Raises `Invalid` for a name that is not known, or is there twice."""
    for name in names:
        if name not in known:
            raise Invalid("output_unknown", f"There is no output {name[:50]!r}; choose from {', '.join(known)}.")
    if len(set(names)) != len(names):
        raise Invalid("output_twice", "An output is asked for twice; name each once.")


def _require_shown(standing: Standing, name: str) -> None:
    require_array(standing.box, shown_to(standing, Asked(outputs=name)))
