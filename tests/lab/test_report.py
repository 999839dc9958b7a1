"""Without these, the page of a run hides a rung that failed, shows a broken invariant as well, or calls home when it is opened."""

import re
from dataclasses import replace

import pytest

from tests.lab.sample import LADDER, REPORT, SCENES
from tests.load.lab.report.ladder import answer
from tests.load.lab.report.page import render
from tests.load.lab.report.timeline import HEADROOM, Timeline, timelines
from tests.load.lab.results import Mark, Scene, Second, as_json, from_json

_HOSTILE = "<script>alert('rung')</script>"


def shares(line: Timeline) -> dict[str, int]:
    """How much of the first second each band fills, of a hundred that were offered."""
    found = [(curve.kind, re.match(r"M0,(\S+)h1V(\S+)h-1z", curve.path)) for curve in line.panels[0].curves]
    return {kind: round((float(band[1]) - float(band[2])) * HEADROOM) for kind, band in found if band}


def test_the_page_shows_every_rung_and_why_one_did_not_run() -> None:
    page = render(REPORT)

    assert all(rung.name in page for rung in LADDER)
    assert "did not run: nginx is not installed" in page
    assert "held no rate that was tried" in page
    assert page.count("Generator-bound:") == 1


def test_the_page_shows_every_scene_with_what_was_done_and_what_came_of_it() -> None:
    page = render(REPORT)

    for scene in SCENES:
        assert scene.name in page
        assert all(mark.text in page for mark in scene.marks)
        assert all(name in page for name in scene.figures)
    assert page.count("Every invariant holds") == 1
    assert page.count("Invariants are violated: counters without explanation (3)") == 1


def test_a_scene_whose_invariants_nobody_checked_is_not_taken_for_a_good_one() -> None:
    unchecked = replace(SCENES[0], invariants={})

    page = render(replace(REPORT, scenes=(unchecked,)))

    assert "The invariants were not checked" in page
    assert "Every invariant holds" not in page


def test_the_page_shows_names_as_text() -> None:
    rung, scene = replace(LADDER[0], name=_HOSTILE), replace(SCENES[0], story=_HOSTILE, marks=(Mark(1, _HOSTILE),), figures={_HOSTILE: 1})

    page = render(replace(REPORT, command=_HOSTILE, ladder=(rung,), scenes=(scene,)))

    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 6


def test_the_page_asks_nobody_for_anything() -> None:
    page = render(REPORT)

    assert "default-src 'none'" in page
    assert not re.search(r"https?:|//\w|@import|<link|<img|<iframe|\ssrc=|\shref=", page)
    assert set(re.findall(r"url\((.*?)\)", page)) == {"#hatch"}


def test_an_interrupted_run_says_so_and_has_a_page_though_nothing_was_finished() -> None:
    page = render(replace(REPORT, finished=False, ceilings=(), ladder=(), scenes=()))

    assert "This run was interrupted" in page
    assert "No rung ran." in page


def test_the_page_of_a_report_that_was_written_and_read_again_is_the_same() -> None:
    assert render(from_json(as_json(REPORT))) == render(REPORT)


@pytest.mark.parametrize(
    ("rungs", "said"),
    [
        (LADDER, "1,000 a second need no more than the rung “cache”. The most is 6,100 a second with a p99 of 13 ms, 1.56 times what"),
        (LADDER[:1], "1,000 a second are more than it holds. The most is 620 a second"),
        (LADDER[4:], "No rung of this run held any rate"),
    ],
)
def test_the_answer_is_the_first_rung_that_holds_a_thousand_and_the_best_of_all(rungs: tuple[()], said: str) -> None:
    assert answer(replace(REPORT, ladder=rungs)).startswith(said)


def test_a_second_in_which_one_of_a_thousand_failed_is_seen() -> None:
    scene = Scene("", "", [Second(0, 1_000, 1_000, 0, 0, 1, 2), Second(1, 1_000, 999, 0, 1, 1, 2)])

    [line] = timelines(scene)

    [failed] = [curve.path for curve in line.panels[0].curves if curve.kind == "failed"]
    assert re.fullmatch(r"M1,\S+h1V\S+h-1z", failed)


def test_who_is_told_no_is_told_apart_from_who_shall_come_back() -> None:
    scene = Scene("", "", [Second(0, 100, 20, 80, 0, 1, 2, told_no=70)])

    [line] = timelines(scene)
    page = render(replace(REPORT, scenes=(scene,)))

    assert shares(line) == {"ok": 20, "told-no": 70, "refused": 10}
    assert "70 told no, 10 told to come back" in page


def test_what_was_never_sent_is_told_apart_from_what_was_not_answered() -> None:
    scene = Scene("", "", [Second(0, 100, 20, 0, 80, 1, 2, unsent=50)])

    [line] = timelines(scene)
    page = render(replace(REPORT, scenes=(scene,)))

    assert shares(line) == {"ok": 20, "failed": 30, "unsent": 50}
    assert "80 failed (50 not even sent)" in page


def test_a_second_without_an_answer_is_a_gap_and_not_a_fast_one() -> None:
    seconds = [Second(0, 9, 9, 0, 0, 5, 10), Second(1, 9, 0, 0, 9, None, None), Second(2, 9, 9, 0, 0, 5, 10)]

    [line] = timelines(Scene("", "", seconds))

    [p99] = [curve.path for curve in line.panels[1].curves if curve.kind == "p99"]
    assert re.findall("[ML][0-9.]+", p99) == ["M0.5", "M2.5"]


def test_classes_of_clients_have_a_timeline_each_over_the_same_seconds() -> None:
    [well_behaved, abusive] = timelines(SCENES[1])

    assert (well_behaved.client, abusive.client) == ("well-behaved", "abusive")
    assert well_behaved.length == abusive.length == 12
