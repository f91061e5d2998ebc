"""The report of the study's own size in Chromium."""

import re
from pathlib import Path

import pytest
from browsing import CONTRAST, Opened, browser, needs_chromium  # noqa: F401 (a fixture)
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


def test_the_whole_study_by_keyboard_by_link_and_on_paper(browser, study):  # noqa: F811
    opened = Opened(browser, study)
    page = opened.page
    page.focus(f"button[data-filter=model][data-value='{MODELS[1]}']")
    page.keyboard.press("Space")
    page.focus("button[data-filter=seed][data-value='2']")
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('chosen').textContent.includes('24 of 216')")
    page.wait_for_function("document.getElementById('count').textContent.startsWith('240 questions')")
    page.focus("button.open")
    page.keyboard.press("Enter")
    page.wait_for_selector(".beside .strip")
    assert page.evaluate(CONTRAST) == []
    again = Opened(browser, study, page.evaluate("location.hash"), 420)
    again.page.wait_for_selector(".beside .strip")
    for selector in ("#chosen", "#sentences", "#count", ".question h3"):
        assert again.page.inner_text(selector) == page.inner_text(selector), selector
    assert again.page.evaluate("document.documentElement.scrollWidth") <= 420 and again.page.evaluate(CONTRAST) == []
    again.close()
    page.emulate_media(media="print")
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", page.pdf(prefer_css_page_size=True, page_ranges="1-3"))
    assert {round(float(box[1])), round(float(box[2]))} == {842, 595}
    opened.close()
