"""The panel's results as a page and a picture: every attack beside its floor, the paper's policy beside ours.

    python -m bench.panel_page [--results bench/results/panel_digits.json bench/results/panel_cifar10.json]

Writes `bench/results/panel.md` and `docs/images/panel.png`. Every number is computed from the files of `bench.panel`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from bench.panel import BAR, BESIDE, summary
from sdb_core.figures.drawing import CLOSED, OPEN, SOFT, Drawing, drawing_style, new_figure, rows_axis, short

_RESULTS = [Path(f"bench/results/panel_{name}.json") for name in ("digits", "cifar10")]
_FARTHEST = -12.0
_HEAD = f"""# The panel

Written by `python -m bench.panel_page`; every number is computed from the files of `python -m bench.panel` beside this
page. Test accuracy in percent, mean ± standard error over the seeds, each with its own original, key, box and students.
An attack's floor is what right labels give away in any case: the better of the label-smoothing student (where the
attacker has the true labels) and a student of the original's argmax labels, of the same architecture on the same
queries. The bar: no attack that holds nothing more than {BAR} points over its floor. The paper's policy wraps the
original of the same seed, trained again: where that was on another machine, rounding has made it slightly another.

![Each attack's points over its floor](../../docs/images/panel.png)
"""
_STUDENTS = {
    "scratch": "from scratch",
    "label_smoothing": "with label smoothing",
    "original_labels": "of the original's labels",
    "from_original": "of the original, T = 4",
    "closed": "of the box, without the key",
    "open": "of the box, with the key",
}


def main() -> None:
    """Write the page and the picture of all results that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, nargs="+", default=_RESULTS)
    parser.add_argument("--page", type=Path, default=Path("bench/results/panel.md"))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/panel.png"))
    given = parser.parse_args()
    results = [json.loads(file.read_text()) for file in given.results if file.is_file()]
    given.page.write_text("\n".join([_HEAD, *(section(result) for result in results)]))
    given.picture.write_bytes(picture(results).png())


def section(result: dict[str, Any]) -> str:
    """One task: how it was run, what the box kept, what students learned, what each attack reached."""
    task, rows = result["task"], result["per_seed"]
    found = summary(rows)
    paper = found["sdb"]
    boxes = [
        ("original", found["accuracy"]["original"], paper.get("original")),
        ("box, without the key", found["accuracy"]["closed"], paper.get("closed")),
        ("box, with the key", found["accuracy"]["open"], paper.get("open")),
    ]
    students = [(f"student {words}", found["students"][name], None) for name, words in _STUDENTS.items()]
    attacked = [
        (f"student of attack `{name}`", found["attacks"][name]["accuracy"], paper.get(f"student {name}"))
        for name in BESIDE
        if name in found["attacks"]
    ]
    beside = "`sdb` (the paper)" if paper["seeds"] == len(rows) else f"`sdb` (the paper), {paper['seeds']} seeds"
    lines = [f"## {task['name']}", "", _how(result), "", f"| | `sdb-hardened` | {beside} |", "|---|---|---|"]
    lines += [f"| {name} | {_pm(ours)} | {_pm(theirs)} |" for name, ours, theirs in [*boxes, *students, *attacked]]
    lines += ["", *_seeds(rows), "", "| attack | holds | student | floor | points over it |", "|---|---|---|---|---|"]
    lines += [_attack_line(name, attack, len(rows)) for name, attack in _ordered(found["attacks"])]
    return "\n".join([*lines, ""])


def picture(results: list[dict[str, Any]]) -> Drawing:
    """Points over the floor of every attack that holds nothing, one column of dots a task."""
    tables = {result["task"]["name"]: summary(result["per_seed"])["attacks"] for result in results}
    names = [name for name, attack in _ordered(next(reversed(tables.values()))) if attack["holds"] == "nothing"]
    title = "What each attack without key and weights reaches over what labels give away"
    with drawing_style():
        figure = new_figure(title, height=0.9 + 0.2 * len(names))
        columns = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
        for axes, (task, attacks) in zip(columns, tables.items(), strict=True):
            rows_axis(axes, [short(name) for name in names], unit=f"{task}: points over the floor")
            _dots(axes, [attacks.get(name, {}).get("over") for name in names])
    return Drawing("panel", title, "", figure)


def _dots(axes: Axes, rows: list[dict[str, float] | None]) -> None:
    axes.set_xlim(_FARTHEST - 0.8, 2.0)
    axes.axvspan(0, BAR, color="#e3edfb", zorder=0)
    axes.axvline(0, color=SOFT, linewidth=1)
    for place, over in enumerate(rows):
        if over is None:
            continue
        if over["mean"] < _FARTHEST:
            axes.plot(_FARTHEST, place, marker="<", color=OPEN, markersize=6, linestyle="none")
            axes.text(_FARTHEST + 0.5, place, f"{over['mean']:.0f}", va="center", fontsize=8, color=SOFT)
            continue
        colour = CLOSED if over["mean"] > BAR else OPEN
        axes.errorbar(over["mean"], place, xerr=over["error"], color=colour, marker="o", markersize=4.5, capsize=2.5)


def _how(result: dict[str, Any]) -> str:
    task, rows = result["task"], result["per_seed"]
    images = f"the first {task['train']:,} training images" if task["train"] else "all training images"
    versions = ", ".join(sorted({row["code_version"] for row in rows}))
    settings = json.dumps({**task["wrap"], **task["hardened"]}) if task["wrap"] or task["hardened"] else "the defaults"
    return (
        f"`{task['net']}` on {images}, students `{task['student']}`; settings of the wrap: {settings}; seeds "
        f"{', '.join(str(row['seed']) for row in rows)}, {task['students']} student(s) of each kind a seed, level "
        f"{task['level']}; {result['device']}, PyTorch {result['versions']['torch']}, code {versions}."
    )


def _seeds(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| seed | original | box - original | scratch - closed student | open student - the original's |"]
    lines += ["|---|---|---|---|---|"]
    for row in rows:
        held, students = row["accuracy"], row["students"]
        points = (
            held["closed"] - held["original"],
            students["scratch"] - students["closed"],
            students["open"] - students["from_original"],
        )
        lines.append(
            f"| {row['seed']} | {held['original']:.1f} | " + " | ".join(f"{one:+.1f}" for one in points) + " |"
        )
    return lines


def _ordered(attacks: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """By what they hold, then the strongest first."""
    holdings = list(dict.fromkeys(attack["holds"] for attack in attacks.values()))
    return sorted(attacks.items(), key=lambda item: (holdings.index(item[1]["holds"]), -item[1]["over"]["mean"]))


def _attack_line(name: str, attack: dict[str, Any], seeds: int) -> str:
    fewer = f" (in {attack['seeds']} of {seeds} seeds)" if attack["seeds"] < seeds else ""
    values = f"{_pm(attack['accuracy'])} | {_pm(attack['floor'])} | {attack['over']['mean']:+.2f} ± "
    return f"| `{name}`{fewer} | {attack['holds']} | {values}{attack['over']['error']:.2f} |"


def _pm(value: dict[str, float] | None) -> str:
    return "" if value is None else f"{value['mean']:.1f} ± {value['error']:.1f}"


if __name__ == "__main__":
    main()
