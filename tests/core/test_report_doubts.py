"""What a page says against its own numbers: spread, chance, what was not tried, and data with nothing to steal."""

import random
import re
from statistics import fmean

import pytest

from sdb_core.evidence import read_report
from sdb_core.figures import draw_figures
from sdb_core.report_page import limits, report_page, results, sureness, threats, verdict_cards
from tests.core.reports import full_report, old_report, with_one_student

NARROW = "The limit lies within two standard errors of this number"


def test_a_verdict_whose_limit_lies_within_two_standard_errors_says_so():
    report = full_report()
    assert (
        report_page(report).count(NARROW) == 1
    )  # robustness: 1.4 ± 0.8 against 1; effectiveness is far from its limit
    report["verdicts"]["robustness"]["standard_error"] = 0.19
    assert NARROW not in report_page(report)


@pytest.mark.parametrize(
    ("original", "told"),
    [
        (95.4, "ends 0.2 ± 0.3 points over the best that labels alone teach (95.2%)"),
        (94.2, "ends 1.0 ± 0.3 points under"),
    ],
)
def test_where_the_original_teaches_no_more_than_labels_the_page_says_that_there_was_little_to_steal(original, told):
    report = full_report()
    report["students"]["from_original"]["mean"] = original
    assert told in verdict_cards.caveat(read_report(report))


def test_little_to_steal_may_be_the_students_fault_and_the_page_says_so():
    report = full_report()
    report["students"]["from_original"]["mean"] = 94.2
    assert "too small, or taught too briefly, to take up more; this report cannot tell which" in verdict_cards.caveat(
        read_report(report)
    )


@pytest.mark.parametrize(
    ("value", "shown"), [(1.005, "1.005 points"), (1.04, "1.04 points"), (0.96, "0.96 points"), (1.0, "1.0 points")]
)
def test_a_number_beside_its_limit_shows_on_which_side_of_it_it_lies(value, shown):
    report = full_report()
    report["verdicts"]["fidelity"]["value"] = value
    assert f">{shown} lost <small>wanted: at most 1</small>" in verdict_cards.cards(read_report(report))


def test_the_loss_of_the_box_is_unsure_by_its_test_images_and_not_by_seeds():
    report = full_report()
    report["verdicts"]["fidelity"]["standard_error"] = 0.9
    report["verdicts"]["robustness"].pop("standard_error")
    assert re.findall(r"other [a-z ]+ may judge", verdict_cards.cards(read_report(report))) == [
        "other test images may judge"
    ]
    assert "over the test images, which both networks share, and not over seeds" in sureness.listed(read_report(report))


@pytest.mark.parametrize(("key", "kinds"), [("random-key-1", " drawn by chance"), ("zero-key", " or a plain image,")])
def test_a_claim_is_no_wider_than_its_limit_and_the_keys_that_were_tried(key, kinds):
    report = full_report()
    for number, row in enumerate(report["attacks"]):
        row["name"] = f"temperature-{number}" if number else key
    told = verdict_cards.cards(read_report(report))
    assert f"{kinds} ends at least 1 point behind one with the right key." in told
    assert "ends more than 1 point over what right predictions give away" in told
    assert "by at least 5 points; with the key" in told


def test_attacks_that_a_level_or_a_choice_leaves_out_are_told():
    report = full_report()
    asked = report["provenance"]["config"]["evaluation"]
    for level, more in (("quick", "the levels standard and full"), ("standard", "the level full")):
        asked["level"] = level
        assert f"was {level}, and the attacks of {more} were not run." in limits.listed(read_report(report))
    for level in ("full", ["quick"], None):
        asked["level"] = level
        assert "The level of evidence" not in limits.listed(read_report(report))
    asked["attacks"] = ["top-1", "zero-key"]
    assert "were named by whoever asked for this report (top-1, zero-key)" in limits.listed(read_report(report))


def test_a_policy_is_not_shown_on_the_data_it_was_chosen_on_without_a_word():
    assert "the numbers may flatter it" in limits.listed(read_report(full_report()))
    assert "flatter" not in limits.listed(read_report(full_report() | {"policy": "nasty"}))


def test_where_the_original_teaches_more_than_labels_there_is_no_such_word():
    assert verdict_cards.caveat(read_report(full_report())) == ""  # 97.0 against 95.2
    assert verdict_cards.caveat(read_report(old_report() | {"students": {}})) == ""


def test_beside_the_usual_thief_stands_the_one_who_chooses_the_best_attack():
    told = verdict_cards.cards(read_report(full_report()))
    assert "distils in the usual way (T = 4, weight 0.9 on the answers). One who chooses the best of 9 ways" in told
    assert "here label-only, reaches 96.6%, +1.4 ± 0.8 points from the floor." in told


def test_the_threat_model_counts_the_attacks_of_each_kind_of_attacker():
    table = threats.table_of(read_report(full_report()))
    rows = re.findall(r'<th scope="row">([^<]+)</th>.*<td class="number">([^<]+)</td>', table)
    assert rows == [
        ("Anyone who may ask", "10"),
        ("Who has a part of the key", "2"),
        ("Who holds the box&#x27;s weights", "1"),
        ("A customer with the key", "0"),
        ("A customer with a hosted license", "0"),
    ]


def test_the_best_of_many_by_chance_is_what_drawing_shows():
    generator = random.Random(0)
    for count in (2, 9, 25):
        drawn = fmean(max(generator.gauss(0, 1) for _ in range(count)) for _ in range(20_000))
        assert sureness.best_by_chance(count) == pytest.approx(drawn, abs=0.05)
    assert "best of 9 noisy rows" in sureness.listed(read_report(full_report()))


def test_how_sure_depends_on_the_students_and_on_the_test_images():
    told = sureness.listed(read_report(full_report()))
    assert "taught 3 times" in told
    assert "to within about 50% of it" in told
    assert "360 images: one image is 0.28 points" in told
    assert "about 0.7 points" in told  # sqrt(0.983 * 0.017 / 360)
    assert "one image is" not in sureness.listed(read_report(old_report()))


def test_single_students_have_no_deviation_and_none_is_shown():
    report = with_one_student(full_report())
    page = report_page(report)
    body = page[page.index("<h2>What was kept") :]
    assert re.findall(r">[^<]*\d ± \d[^<]*<", body) == []
    assert "no ± is given" in page
    assert [each.title for each in draw_figures(report) if "±" in each.title] == []


def test_agreement_and_what_was_not_measured_are_told():
    evidence = read_report(full_report())
    told = results.accuracy(evidence)
    assert "name the same class on 99.2%; 2 are named rightly by the original alone, 1 by the box alone." in told
    assert "<li>Not measured: the attack photographs. A package is missing.</li>" in limits.listed(evidence)


def test_all_of_this_stands_on_the_page():
    report = full_report()
    report["students"]["from_original"]["mean"] = 95.4
    page = report_page(report)
    parts = (verdict_cards.cards, verdict_cards.caveat, threats.table_of, sureness.listed, limits.listed)
    assert all(part(read_report(report)) in page for part in parts)
    assert "There was little to steal for these students." in page
