"""The page on serving: computed from the rows, and silent about what was not measured."""

from bench import serving
from bench.serving_page import page, serving_section


def row(contender, workload, speed, turn):
    numbers = {"images_per_cpu_second": speed, "images_per_second": speed / 2, "p50_ms": 1.0, "p99_ms": 2.5}
    return {"contender": contender, "workload": workload, "round": turn, **numbers}


ROWS = [row("sdb", "png_c64", speed, turn) for turn, speed in enumerate((5000, 7000, 6000))]
ROWS += [row("litserve", "png_c64", 600, 0), row("onnxruntime", "ceiling", 12000, 0)]
FOUND = {
    "machine": {"processor": "a processor", "cores": 2, "system": "Linux"},
    "versions": {"onnxruntime": "1.2", "kornia_rs": None},
    "peers": {"litserve": {"litserve": "0.2"}},
    "missing": ["torchserve"],
    "rounds": 3,
    "seconds": 4.0,
    "ratios": serving.ratios(ROWS),
    "medians": serving.medians(ROWS),
}


def test_a_line_has_the_median_and_the_spread_and_the_fastest_comes_first():
    found = serving_section(FOUND)
    assert "| **this service** | 6,000 (5,000 to 7,000) | 3,000 | 1.00 | 2.50 |" in found
    assert found.index("**this service**") < found.index("LitServe, torch")


def test_ratios_stand_on_top_and_what_was_not_measured_is_said():
    found = serving_section(FOUND)
    assert "| PNG at 64 connections, of the ceiling | 0.500 | at least 0.5 |" in found
    assert "| PNG at 64 connections, times LitServe | 10.00 | at least 8 |" in found
    assert "| ResNet-18, of the ceiling | not measured | at least 0.9 |" in found


def test_versions_and_what_is_missing_are_named():
    found = serving_section(FOUND)
    assert "onnxruntime 1.2, kornia_rs missing, litserve 0.2. Not installed: torchserve." in found


def test_without_results_the_page_says_how_to_measure_and_nothing_else():
    found = page(None, None)
    assert "python -m bench.serving --json" in found
    assert "\n## " not in found
    assert "| " not in found
