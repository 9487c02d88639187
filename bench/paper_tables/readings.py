"""One sentence for each table, made of its numbers."""

from typing import Any

_KEPT = 2.0  # a box within so many points of the original has kept its accuracy
Result = dict[str, Any]


def reading(table: Result) -> str:
    """What the table's numbers say; "" where too few are there."""
    sentence = _READINGS[table["number"]](table)
    most = max((cell["seeds"] for row in table["rows"] for cell in row["cells"].values()), default=0)
    if sentence and most == 1:
        sentence += " One seed: a difference of a point or two may be chance."
    return sentence


def _comparison(table: Result) -> str:
    original = _mean(table, "normal", "box closed")
    if original is None:
        return ""
    boxes = [row["label"] for row in table["rows"] if row["label"] not in ("no teacher", "normal")]
    kept = [label for label in boxes if _least(table, label, "box closed", original - _KEPT)]
    hiding = _extreme({label: _over(table, label, "student closed") for label in kept}, low=True)
    teaching = _extreme({label: _over(table, label, "student open") for label in boxes}, low=False)
    parts = [f"{len(kept)} of {len(boxes)} boxes are within {_KEPT:g} points of the original's {original:.1f}"]
    if hiding and hiding[1] >= 0:
        parts.append("none of these has a student below the one without a teacher")
    elif hiding:
        parts.append(
            f"of these {hiding[0]} hides most (closed student {hiding[1]:+.1f} over the one without a teacher)"
        )
    if teaching:
        known = _over(table, "normal", "student closed")
        beside = "" if known is None else f", the original's own {known:+.1f}"
        parts.append(f"the best open student is that of {teaching[0]} ({teaching[1]:+.1f}{beside})")
    return "; ".join(parts) + "." + _signs(table)


def _signs(table: Result) -> str:
    """Whether what the paper reports has the same sign here."""
    found = []
    for row in table["rows"]:
        for column, cell in row["cells"].items():
            paper, ours = cell.get("paper_over_scratch"), cell.get("over_scratch", {}).get("mean")
            if paper is not None and ours is not None:
                same = "the same sign" if paper * ours > 0 else "not the same sign"
                found.append(f"{row['label']}, {column}: {ours:+.2f} here, {paper:+.2f} in the paper, {same}")
    return f" Against the paper's ResNet-18 to CNN on CIFAR-10: {'; '.join(found)}." if found else ""


def _ablations(table: Result) -> str:
    parts = []
    for stream in ("closed", "open"):
        column = f"student {stream}"
        full = _mean(table, "sdb", column)
        moved = {
            row["label"]: None if full is None or (mean := _mean(table, row["label"], column)) is None else mean - full
            for row in table["rows"]
            if row["label"] != "sdb"
        }
        known = {label: change for label, change in moved.items() if change is not None}
        if known:
            label = max(known, key=lambda name: abs(known[name]))
            parts.append(f"the {stream} student moves most ({known[label]:+.1f} points) {_left_out(label)}")
    return _sentence(parts)


def _left_out(label: str) -> str:
    return label if label.startswith("without") else f"with {label}"


def _other_teachers(table: Result) -> str:
    pairs = [row["label"].removesuffix(": normal") for row in table["rows"] if row["label"].endswith(": normal")]
    parts = []
    for policy in ("sdb", "sdb-hardened (ours)"):
        below = over = known = 0
        for pair in pairs:
            plain = _mean(table, f"{pair}: normal", "student closed")
            closed, opened = (_mean(table, f"{pair}: {policy}", f"student {stream}") for stream in ("closed", "open"))
            if plain is not None and closed is not None and opened is not None:
                known, below, over = known + 1, below + (closed < plain), over + (opened >= plain)
        if known:
            parts.append(
                f"{policy}: the closed student is below the original's in {below} of {known} pairs, "
                f"the open one at least as good in {over}"
            )
    return _sentence(parts)


def _temperatures(table: Result) -> str:
    parts = []
    for policy in ("sdb", "sdb-hardened"):
        found = {
            row["label"]: (closed, _mean(table, row["label"], "student of the original"))
            for row in table["rows"]
            if (closed := _mean(table, row["label"], f"{policy} closed")) is not None
        }
        if found:
            low, high = (choose(found, key=lambda name: found[name][0]) for choose in (min, max))
            below = sum(plain is not None and closed < plain for closed, plain in found.values())
            parts.append(
                f"{policy}'s closed student: between {found[low][0]:.1f} ({low}) and {found[high][0]:.1f} ({high}) "
                f"and below the original's student at {below} of {len(found)} temperatures"
            )
    return _sentence(parts)


def _keys(table: Result) -> str:
    parts = []
    for policy in ("sdb", "sdb-hardened"):
        column = f"{policy} student"
        drawn = [_mean(table, row["label"], column) for row in table["rows"] if row["label"].startswith("random")]
        known = [value for value in drawn if value is not None]
        none, right = _mean(table, "no key", column), _mean(table, "the right key", column)
        if known and none is not None and right is not None:
            parts.append(
                f"{policy}: the best of {len(known)} random keys teaches {max(known):.1f}, the right key {right:.1f}, "
                f"no key {none:.1f}"
            )
    return _sentence(parts)


def _sentence(parts: list[str]) -> str:
    if not parts:
        return ""
    whole = "; ".join(parts) + "."
    return f"T{whole[1:]}" if whole.startswith("the ") else whole


def _cell(table: Result, label: str, column: str) -> Result:
    found: Result = next((row["cells"].get(column, {}) for row in table["rows"] if row["label"] == label), {})
    return found


def _mean(table: Result, label: str, column: str) -> float | None:
    mean: float | None = _cell(table, label, column).get("mean")
    return mean


def _over(table: Result, label: str, column: str) -> float | None:
    mean: float | None = _cell(table, label, column).get("over_scratch", {}).get("mean")
    return mean


def _least(table: Result, label: str, column: str, bound: float) -> bool:
    mean = _mean(table, label, column)
    return mean is not None and mean >= bound


def _extreme(values: dict[str, float | None], *, low: bool) -> tuple[str, float] | None:
    known = {label: value for label, value in values.items() if value is not None}
    if not known:
        return None
    label = (min if low else max)(known, key=lambda name: known[name])
    return label, known[label]


_READINGS = {1: _comparison, 2: _comparison, 3: _ablations, 4: _other_teachers, 5: _temperatures, 6: _keys}
