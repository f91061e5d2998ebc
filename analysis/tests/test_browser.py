"""The report in Chromium: what it shows beside the HDF5 files, links, keyboard, contrast, print; nothing leaves the page."""

import functools
import http.server
import re
import shutil
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from browsing import CONTRAST, Opened, browser, needs_chromium  # noqa: F401 (a fixture)

from unpact_results.report import sources_of, write_report
from unpact_results.statistics import wilson

pytestmark = needs_chromium
HOSTILE = "<img src=x onerror=alert(1)> \u202eevil\u202c <script>alert(2)</script> & \"quoted\" \u0007"


@pytest.fixture(scope="module")
def made(campaign_file, tmp_path_factory) -> Path:
    """A report of eight cells, in which one question and one answer are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(campaign_file.parent / "cells", folder / "cells")
    first = sorted((folder / "cells").iterdir())[0]
    with h5py.File(first, "r+") as file:
        for name, text in (("unlearned/answer", HOSTILE + "x" * 1_000_000), ("questions/text", HOSTILE), ("questions/gold_answer", "gold \u202e\u2066")):
            values = file[name].asstr()[:].astype(object)
            values[2] = text
            encoded = [value.encode() for value in values]
            attributes = dict(file[name].attrs)
            del file[name]
            file.create_dataset(name, data=np.array(encoded, dtype=f"S{max(map(len, encoded))}").astype(h5py.string_dtype("utf-8", max(map(len, encoded)))))
            for key in ("unit", "units", "long_name"):
                file[name].attrs[key] = attributes[key]
    return write_report(sources_of([folder]), folder / "report.html")[0]


@pytest.fixture()
def opened(browser, made):  # noqa: F811
    pages: list[Opened] = []

    def open_it(address: str = "", width: int = 1400, path: Path = made) -> Opened:
        pages.append(Opened(browser, path, address, width))
        return pages[-1]

    yield open_it
    for page in pages:
        page.close()


def cells_of(path: Path, **wanted) -> list[h5py.File]:
    files = [h5py.File(file) for file in sorted((path.parent / "cells").iterdir())]
    return [file for file in files if all(file.attrs[name] == value for name, value in wanted.items())]


def texts(page, selector: str) -> list[str]:
    return page.locator(selector).all_inner_texts()


def shown_rate(count: int, total: int) -> str:
    low, high = wilson(count, total)
    return f"{100 * count / total:.1f} % {count}/{total} {100 * low:.1f} to {100 * high:.1f} %"


def test_verdicts_are_those_of_the_files(opened, made):
    page = opened().page
    rows = page.locator("#verdict-table tbody tr").all()
    assert len(rows) == 8
    for row in rows:
        cells = [re.sub(r"\s+", " ", text).strip() for text in row.locator("td").all_inner_texts()]
        (file,) = cells_of(made, method=cells[0], model=cells[1].split(" ")[0])
        outcome, state, half = file["outcome/class"][:], file["knowledge/state"][:], file["questions/half"][:]
        left, gone = int(np.isin(state, [2, 3]).sum()), int((state == 4).sum())
        held = half == 2
        assert cells[3] == str((outcome == 2).sum()) and cells[4] == shown_rate(left, left + gone)
        assert cells[7] == shown_rate(int(((outcome == 4) & held).sum()), int((np.isin(outcome, [3, 4]) & held).sum()))
        shift = 1 - file["focus_shift/set_cosine"][:][outcome == 2]
        shift = shift[~np.isnan(shift)]
        assert cells[8].startswith(f"{shift.mean():.2f} n = {len(shift)}" if len(shift) else "–")


def test_filters_change_the_address_and_a_link_shows_the_same(opened):
    page = opened().page
    page.click("button[data-filter=model][data-value='qwen3-14b']")
    page.click("button[data-filter=method][data-value=npo_kl]")
    page.select_option("#heat-measure", "destructive rate")
    page.fill("#find", "Wales")
    page.wait_for_function("document.getElementById('count').textContent.startsWith('7 ') || /^[1-9]/.test(document.getElementById('count').textContent)")
    page.wait_for_timeout(400)
    address = page.evaluate("location.hash")
    assert "model=qwen3-14b" in address and "find=Wales" in address and "heat=destructive" in address
    again = opened(address).page
    for selector in ("#chosen", "#heat", "#verdicts", "#count", "#question-table tbody"):
        assert again.inner_text(selector) == page.inner_text(selector), selector
    assert "1 of 8 cells" in again.inner_text("#chosen") and all("Wales" in text for text in texts(again, "button.open"))
    page.go_back()
    page.go_back()
    page.wait_for_function("!location.hash.includes('method')")
    assert "2 of 8 cells" in page.inner_text("#chosen")
    page.click("#chosen button")
    assert "8 of 8 cells" in page.inner_text("#chosen")


def test_probe_filter_changes_what_counts_as_left(opened, made):
    page = opened("#method=ga_gd&model=llama-2-7b&probe=probab").page
    (file,) = cells_of(made, method="ga_gd", model="llama-2-7b")
    probe = file["probes/probab"]
    still, lost = (int((file["outcome/class"][:] == number).sum()) for number in (1, 2))
    won = int(probe["is_right"][:].any(axis=1).sum())
    assert shown_rate(still + won, still + lost) == re.sub(r"\s+", " ", page.locator("#verdict-table tbody td").nth(4).inner_text())


def test_explorer_sorts_every_question(opened, made):
    page = opened("#sort=-shift").page
    shifts = np.concatenate([1 - file["focus_shift/set_cosine"][:] for file in cells_of(made)])
    shown = [float(text) for text in texts(page, "#question-table tbody tr td:nth-child(5)")]
    assert shown == sorted(shown, reverse=True) and shown[0] == pytest.approx(np.nanmax(shifts), abs=0.006)
    assert page.inner_text("#count").startswith(f"{len(shifts)} questions")
    page.click("#sort-lost")
    page.wait_for_function("location.hash.includes('sort=-lost')")
    lost = max(int((file["target/own/is_key_token/values"][a:b] > file["unlearned/own/is_key_token/values"][a:b]).sum())
               for file in cells_of(made) for a, b in zip(file["target/own/is_key_token/offsets"][:-1].astype(int), file["target/own/is_key_token/offsets"][1:].astype(int)))
    page.wait_for_function(f"document.querySelector('#question-table tbody td:nth-child(6)').textContent.startsWith('{lost}')")


def test_a_question_shows_the_numbers_of_the_file(opened, made):
    files = cells_of(made, method="npo_kl", model="llama-2-7b")
    file, question = files[0], 3
    page = opened(f"#cell={file.attrs['cell_id']}&n={question}").page
    page.wait_for_selector(".question .strip")
    part = {model: file[f"{model}/own"] for model in ("target", "unlearned")}
    first, last = (int(x) for x in part["target"]["contributions/offsets"][question : question + 2])
    for row, values in enumerate((part["target"]["contributions/values"][first:last], part["unlearned"]["contributions/values"][first:last])):
        hints = page.eval_on_selector_all(f".question > .strips .strip tr:nth-child({row + 1}) td[title]", "nodes => nodes.map(n => n.title)")
        found = [float(re.search(r"[+−]?[\d.]+", hint.split(" ", 1)[1])[0].replace("−", "-")) for hint in hints]
        np.testing.assert_allclose(found, values, atol=0.0011)
        keys = page.eval_on_selector_all(f".question > .strips .strip tr:nth-child({row + 1}) td[title]", "nodes => nodes.map(n => n.classList.contains('key'))")
        assert keys == part[("target", "unlearned")[row]]["is_key_token/values"][first:last].astype(bool).tolist()
    page.click("text=Token by token: the (n + 1) × T matrix of each model's own answer")
    page.wait_for_selector(".matrix")
    shape = part["target"]["log_probabilities/offsets"][question : question + 2]
    matrix = part["target"]["log_probabilities/values"][int(shape[0]) : int(shape[1])].reshape(last - first + 1, -1).astype(float)
    ends = part["target"]["end_log_probabilities/offsets"][question : question + 2]
    matrix = np.column_stack([matrix, part["target"]["end_log_probabilities/values"][int(ends[0]) : int(ends[1])]])
    shown = np.array([[float(text.replace("−", "-")) for text in row.locator("td").all_inner_texts()] for row in page.locator(".matrix").first.locator("tbody tr").all()])
    np.testing.assert_allclose(shown[0], matrix[0], atol=0.011)
    np.testing.assert_allclose(shown[1:], matrix[0] - matrix[1:], atol=0.011)
    page.wait_for_selector(".beside .one")
    assert page.locator(".beside .one").count() == 6, "the six methods of this model and data set"


def test_attempts_and_verdicts(opened, made):
    file = cells_of(made, method="ga_gd", model="qwen3-14b")[0]
    probe = file["probes/focus_on_key"]
    row = int(np.flatnonzero(probe["is_right"][:].any(axis=1))[0])
    page = opened(f"#cell={file.attrs['cell_id']}&n={int(probe['probed_question'][row])}").page
    page.wait_for_selector(".attempts")
    right = probe["is_right"][row]
    assert page.locator("summary", has_text=f"FocusOnKey: {int(right.sum())} of {len(right)} attempts right").count() == 1
    cells = page.locator(".attempts").first.locator("tbody tr").all()
    assert [("✓ right" in cell.inner_text()) for cell in cells] == right.astype(bool).tolist()
    assert [cell.locator("td").nth(2).inner_text() for cell in cells] == probe["answer"].asstr()[row].tolist()


def test_hostile_text_is_text(opened, made):
    first = cells_of(made)[0].attrs["cell_id"]
    page = opened(f"#cell={first}&n=2").page
    page.wait_for_selector(".question .qa")
    words = page.inner_text(".question")
    for part in ("<img src=x onerror=alert(1)>", "<script>alert(2)</script>", "[U+202E]evil[U+202C]", "[U+0007]", "gold [U+202E][U+2066]"):
        assert part in words, part
    assert page.locator("#main img, #main script").count() == 0 and "\u202e" not in page.content().split('id="index"')[0]
    button = page.locator("button.more").first
    assert "show all 1\u202f000" in button.inner_text()
    button.click()
    assert page.evaluate("Math.max(...[...document.querySelectorAll('.words')].map(n => n.textContent.length))") > 1_000_000


def test_unknown_addresses_say_so(opened):
    page = opened("#cell=nobody&n=77&sort=nonsense&heat=nothing&page=zzz&model=none").page
    page.wait_for_selector("#question .problem")
    assert "no question 77 of nobody" in page.inner_text("#question") and "0 of 8 cells" in page.inner_text("#chosen")


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
    page.wait_for_function("document.activeElement.id === 'question-after' && document.querySelector('.question h3').textContent.includes('Question 1:')")
    page.focus("#page-after")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'page-after' && document.getElementById('count').textContent.includes('page 2')")
    unnamed = "nodes => nodes.filter(n => !(n.textContent.trim() || n.getAttribute('aria-label') || n.labels?.length)).length"
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


def test_population_views_count_every_token(opened, made):
    page = opened("#method=rmu").page
    (file,) = cells_of(made, method="rmu")
    page.evaluate("document.getElementById('contributions').open = true")
    page.wait_for_selector("#contributions canvas")
    assert int(page.get_attribute("#contributions .panel", "data-tokens")) == len(file["target/gold/contributions/values"])
    before = int(file["target/own/is_key_token/values"][:].sum())
    cells = [int(text.split()[-1].split("/")[0]) for text in texts(page, "[data-view=kind] tbody td:nth-child(3)")]
    assert sum(cells) == before


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
    opened(f"#cell={cell}&n=1", path=page).page.wait_for_selector(".question .strip")


def test_a_folder_of_data_opens_from_a_server(browser, made, tmp_path):  # noqa: F811
    write_report(sources_of([made.parent]), tmp_path / "a # b.html", folder=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" and "favicon" not in message.location["url"] else None)
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
