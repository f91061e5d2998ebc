"""The report for everybody: keyboard, contrast, narrow screens, print, a folder of data from disk or a server."""

import functools
import http.server
import re
import threading

import h5py
import numpy as np
import pytest
from browsing import CONTRAST, browser, cells_of, made, needs_chromium, opened  # noqa: F401 (fixtures)
from synthetic import Recipe, write_cell

from unpact_results.report import sources_of, write_report

pytestmark = needs_chromium


def test_keyboard_alone_finds_a_question(opened):
    page = opened().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.filter") == "model"
    page.keyboard.press("Space")
    assert page.get_attribute(".toggle >> nth=0", "aria-pressed") == "true"
    page.focus("button.open")
    page.keyboard.press("Enter")
    page.wait_for_selector(".question .qa")
    assert page.evaluate("document.activeElement.id") == "question"
    page.focus("#question-after")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "document.activeElement.id === 'question-after' && document.querySelector('.question h3').textContent.includes('Question 1:')"
    )
    page.focus("#page-after")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "document.activeElement.id === 'page-after' && document.getElementById('count').textContent.includes('page 2')"
    )
    unnamed = (
        "nodes => nodes.filter(n => !(n.textContent.trim() || n.getAttribute('aria-label') || n.labels?.length)).length"
    )
    assert page.eval_on_selector_all("button, input, select, summary", unnamed) == 0


@pytest.mark.parametrize("width", [1400, 420])
def test_contrast_and_width(opened, made, width):
    cell = cells_of(made)[3].attrs["cell_id"]
    page = opened(f"#cell={cell}&n=4", width).page
    page.wait_for_selector(".beside .strip")
    page.evaluate("document.querySelectorAll('main details').forEach(d => { d.open = true; })")
    page.wait_for_selector("#runs details")
    page.wait_for_function("!document.querySelector('[role=status].soft:not(#chosen)')")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "only tables scroll sideways"


def test_print_fits_a4(opened):
    page = opened().page
    page.emulate_media(media="print")
    pages = page.pdf(prefer_css_page_size=True)
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pages)
    assert {round(float(box[1])), round(float(box[2]))} == {842, 595}
    page.set_viewport_size({"width": 1030, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 1030


def test_a_folder_of_data_opens_from_disk(opened, made, tmp_path):
    page, data = write_report(sources_of([made.parent]), tmp_path / "report.html", folder=True)[:2]
    cell = cells_of(made, method="tv")[0].attrs["cell_id"]
    shown = opened(f"#cell={cell}&n=1", path=page).page
    shown.wait_for_selector(".question .strip")
    shown.locator("#heat .look").click()
    shown.wait_for_selector("dialog .vega svg")


def test_a_folder_of_data_opens_from_a_server(browser, made, tmp_path):  # noqa: F811
    write_report(sources_of([made.parent]), tmp_path / "a # b.html", folder=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        faults: list[str] = []
        page.on(
            "console",
            lambda message: (
                faults.append(message.text) if message.type == "error" and "favicon" not in message.location["url"] else None
            ),
        )
        page.goto(f"http://127.0.0.1:{server.server_port}/a%20%23%20b.html")
        page.wait_for_selector("#question-table tbody tr")
        page.close()
        server.shutdown()
    assert faults == []


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, *_: object) -> None:
        pass


def test_a_missing_data_file_is_said(browser, made, tmp_path):  # noqa: F811
    path, data = write_report(sources_of([made.parent]), tmp_path / "report.html", folder=True)[:2]
    (data / "c0.js").unlink()
    page = browser.new_page()
    page.goto(f"file://{path}#cell={sorted(file.attrs['cell_id'] for file in cells_of(made))[0]}&n=1")
    page.wait_for_selector("#question .problem")
    assert "c0.js is missing" in page.inner_text("#question") and page.locator("#question-table tbody tr").count() == 25
    page.close()


def test_two_campaigns_side_by_side(opened, tmp_path):
    for folder, destroyed in (("one", 0.1), ("two", 0.6)):
        for seed in (1, 2):
            write_cell(tmp_path / folder / f"{seed}.h5", Recipe(seed=seed, destroyed=destroyed, forget=6, retain=6))
    path = write_report(sources_of([tmp_path / "one", tmp_path / "two"]), tmp_path / "report.html")[0]
    page = opened(path=path).page
    assert page.locator("#pictures svg").count() == 2 and page.locator("#verdict-table tbody tr").count() == 2
    classes = [np.concatenate([h5py.File(tmp_path / folder / f"{seed}.h5")["outcome/class"][:] for seed in (1, 2)]) for folder in ("one", "two")]
    both = (classes[0] >= 3) & (classes[1] >= 3)
    (row,) = [text.split("\t") for text in page.locator("#differences tbody tr").all_inner_texts() if "destructive rate" in text]
    assert row[5:7] == [f"{(side[both] == 4).sum()}/{both.sum()}" for side in classes] and re.fullmatch(r"[+−][\d.]+ to [+−][\d.]+", row[8])
    page.click("button[data-filter=campaign][data-value=two]")
    page.wait_for_function("document.getElementById('count').textContent.startsWith('24 questions')")
    page.click("button.open >> nth=1")
    page.wait_for_selector(".beside .strip")
    again = opened(page.evaluate("location.hash"), path=path).page
    again.wait_for_selector(".question .strip")
    assert "@two" in page.url.replace("%40", "@") and again.inner_text(".question h3") == page.inner_text(".question h3")
    assert "seed 1, two" in again.inner_text(".question")
