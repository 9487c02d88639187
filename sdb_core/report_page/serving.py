"""What serving the box in fewer bits changes: its accuracy, its classes, its logits, its size."""

from sdb_core.evidence import Evidence, Serving
from sdb_core.report_page.parts import NOTHING, Column, points, row, table
from sdb_core.report_page.parts import accuracy as percent
from sdb_core.verdicts import FIDELITY_LIMIT

_STREAMS = (("closed", "the box, without the key"), ("open", "the box, with the key"))
_SERVED = (
    "Predictions come from the box in {precision}, calibrated on {images:,} training images (drawn with seed {seed}) "
    "and on none of the test split; {size} instead of {whole}. Both files were asked the same test images. Students, "
    "attacks and verdicts of this page were measured with the box in float32, not as it is served."
)
_LOST = " In {precision} it loses more than the {limit:g} point that fidelity allows the box."


def table_of(evidence: Evidence) -> str:
    """The table, or nothing where the box is served as it was measured."""
    serving = evidence.serving
    if serving is None:
        return ""
    columns = [
        Column("The same box", number=False),
        Column("In float32, %"),
        Column(f"In {serving.precision}, %"),
        Column("Change, points"),
        Column("Same class, % of images"),
        Column("Difference of a logit, mean"),
        Column("at most"),
    ]
    rows, changes = [], []
    for stream, words in _STREAMS:
        exact, rounded = serving.float32.get(stream), serving.served.get(stream)
        change = rounded.mean - exact.mean if exact and rounded else None
        changes.append(change or 0.0)
        beside = serving.difference.get(stream)
        apart = (f"{beside.same_class:.1f}", f"{beside.mean:.3g}", f"{beside.most:.3g}") if beside else (NOTHING,) * 3
        moved = NOTHING if change is None else points(change)
        rows.append(row(columns, (words, percent(exact), percent(rounded), moved, *apart), mark=stream))
    return table(columns, rows, caption=_caption(serving, lost=-min(changes)))


def _caption(serving: Serving, *, lost: float) -> str:
    size, whole = (f"{bytes_ / 1000:,.0f} kB" for bytes_ in (serving.bytes, serving.float32_bytes))
    said = _SERVED.format(
        precision=serving.precision, images=serving.calibrated_on, seed=serving.seed, size=size, whole=whole
    )
    return said + (_LOST.format(precision=serving.precision, limit=FIDELITY_LIMIT) if lost > FIDELITY_LIMIT else "")
