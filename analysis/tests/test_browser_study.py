"""The report of the study's own size in Chromium."""

from pathlib import Path

import pytest
from browsing import Opened, browser, needs_chromium  # noqa: F401 (a fixture)
from synthetic_study import METHODS, MODELS, write_study

from unpact_results.report import sources_of, write_report

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """The study's 216 cells with ten questions each."""
    folder = write_study(tmp_path_factory.mktemp("study"), 10, 2)
    return write_report(sources_of([folder]), folder / "report.html")[0]


def test_the_whole_study_in_one_screen(browser, study):  # noqa: F811
    opened = Opened(browser, study)
    page = opened.page
    assert "216 of 216 cells" in page.inner_text("#chosen")
    assert page.locator("#pictures svg").count() == 9 and page.locator("#sentences li").count() == 4
    assert page.locator("#heat tbody tr").count() == len(METHODS) and page.locator("#heat tbody td").count() == 9 * len(
        METHODS
    )
    assert page.locator("#heat").bounding_box()["y"] < 900 and page.locator("#verdict-table tbody tr").count() == 72
    page.click("#heat tbody tr:nth-child(2) td:nth-child(5) button")
    assert "3 of 216 cells" in page.inner_text("#chosen"), "three seeds"
    page.wait_for_function("document.getElementById('count').textContent.startsWith('30 questions')")
    page.click("button.open >> nth=3")
    page.wait_for_selector(".question .strip")
    assert page.input_value("#find") == "" and MODELS[1] in page.inner_text(".question")
    opened.close()


def test_the_first_screen_takes_little_processor_time(browser, study):  # noqa: F811
    """Processor time of the page's main thread, which a busy machine does not change."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(f"file://{study}", wait_until="commit")
    page.wait_for_selector("html[data-ready]")
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    assert 0 < metrics["TaskDuration"] < 2
