"""The report in Chromium: what it shows beside the HDF5 files, links, hostile text; nothing leaves the page."""

import csv
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import h5py
import numpy as np
import pytest
from browsing import browser, cells_of, made, needs_chromium, opened, shown_rate, texts  # noqa: F401 (fixtures)
from synthetic import Recipe, write_cell

from unpact_results.report import sources_of, write_report
from unpact_results.statistics import wilson

pytestmark = needs_chromium


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
    page.wait_for_function(
        "document.getElementById('count').textContent.startsWith('7 ') || /^[1-9]/.test(document.getElementById('count').textContent)"
    )
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
    assert shown_rate(still + won, still + lost) == re.sub(
        r"\s+", " ", page.locator("#verdict-table tbody td").nth(4).inner_text()
    )


def test_explorer_sorts_every_question(opened, made):
    page = opened("#sort=-shift").page
    shifts = np.concatenate([1 - file["focus_shift/set_cosine"][:] for file in cells_of(made)])
    shown = [float(text) for text in texts(page, "#question-table tbody tr td:nth-child(5)")]
    assert shown == sorted(shown, reverse=True) and shown[0] == pytest.approx(np.nanmax(shifts), abs=0.006)
    assert page.inner_text("#count").startswith(f"{len(shifts)} questions")
    page.click("#sort-lost")
    page.wait_for_function("location.hash.includes('sort=-lost')")
    lost = max(
        int((file["target/own/is_key_token/values"][a:b] > file["unlearned/own/is_key_token/values"][a:b]).sum())
        for file in cells_of(made)
        for a, b in zip(
            file["target/own/is_key_token/offsets"][:-1].astype(int), file["target/own/is_key_token/offsets"][1:].astype(int)
        )
    )
    page.wait_for_function(
        f"document.querySelector('#question-table tbody td:nth-child(6)').textContent.startsWith('{lost}')"
    )


def test_a_question_shows_the_numbers_of_the_file(opened, made):
    files = cells_of(made, method="npo_kl", model="llama-2-7b")
    file, question = files[0], 3
    page = opened(f"#cell={file.attrs['cell_id']}&n={question}").page
    page.wait_for_selector(".question .strip")
    part = {model: file[f"{model}/own"] for model in ("target", "unlearned")}
    first, last = (int(x) for x in part["target"]["contributions/offsets"][question : question + 2])
    for row, values in enumerate(
        (part["target"]["contributions/values"][first:last], part["unlearned"]["contributions/values"][first:last])
    ):
        hints = page.eval_on_selector_all(
            f".question > .strips .strip tr:nth-child({row + 1}) td[title]", "nodes => nodes.map(n => n.title)"
        )
        found = [float(re.search(r"[+−]?[\d.]+", hint.split(" ", 1)[1])[0].replace("−", "-")) for hint in hints]
        np.testing.assert_allclose(found, values, atol=0.0011)
        keys = page.eval_on_selector_all(
            f".question > .strips .strip tr:nth-child({row + 1}) td[title]",
            "nodes => nodes.map(n => n.classList.contains('key'))",
        )
        assert keys == part[("target", "unlearned")[row]]["is_key_token/values"][first:last].astype(bool).tolist()
    page.click("text=Token by token: the (n + 1) × T matrix of each model's own answer")
    page.wait_for_selector(".matrix")
    shape = part["target"]["log_probabilities/offsets"][question : question + 2]
    matrix = (
        part["target"]["log_probabilities/values"][int(shape[0]) : int(shape[1])].reshape(last - first + 1, -1).astype(float)
    )
    ends = part["target"]["end_log_probabilities/offsets"][question : question + 2]
    matrix = np.column_stack([matrix, part["target"]["end_log_probabilities/values"][int(ends[0]) : int(ends[1])]])
    shown = np.array(
        [
            [float(text.replace("−", "-")) for text in row.locator("td").all_inner_texts()]
            for row in page.locator(".matrix").first.locator("tbody tr").all()
        ]
    )
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
    for part in (
        "<img src=x onerror=alert(1)>",
        "<script>alert(2)</script>",
        "[U+202E]evil[U+202C]",
        "[U+0007]",
        "gold [U+202E][U+2066]",
    ):
        assert part in words, part
    assert page.locator("#main img, #main script").count() == 0 and "\u202e" not in page.content().split('id="index"')[0]
    button = page.locator("button.more").first
    assert "show all 1\u202f000" in button.inner_text()
    button.click()
    assert page.evaluate("Math.max(...[...document.querySelectorAll('.words')].map(n => n.textContent.length))") > 1_000_000


def test_questions_without_a_text_can_be_opened(opened, tmp_path):
    path = write_cell(tmp_path / "a.h5", Recipe(forget=3, retain=2))
    with h5py.File(path, "r+") as file:
        for name in ("questions/text", "questions/gold_answer", "unlearned/answer"):
            attributes = {key: file[name].attrs[key] for key in ("unit", "units", "long_name")}
            del file[name]
            file.create_dataset(name, data=np.zeros(5, "S1").astype(h5py.string_dtype("utf-8", 1)))
            file[name].attrs.update(attributes)
    page = opened(path=write_report(sources_of([path]), tmp_path / "report.html")[0]).page
    assert page.inner_text("button.open >> nth=2") == "(no text)"
    page.click("button.open >> nth=2")
    page.wait_for_selector(".question .strip")
    assert "(empty)" in page.inner_text(".question .qa")


def test_unknown_addresses_say_so(opened):
    page = opened("#cell=nobody&n=77&sort=nonsense&heat=nothing&page=zzz&model=none").page
    page.wait_for_selector("#question .problem")
    assert "no question 77 of nobody" in page.inner_text("#question") and "0 of 8 cells" in page.inner_text("#chosen")


def rows_with_keys(file, model: str) -> np.ndarray:
    """Whether each question has any KeyToken for the model's own answer."""
    group = file[f"{model}/own/is_key_token"]
    bounds = group["offsets"][:].astype(int)
    return np.array([group["values"][a:b].any() for a, b in zip(bounds[:-1], bounds[1:], strict=True)])


def test_sentences_and_heat_map_have_the_numbers_of_the_files(opened, made):
    page = opened("#model=llama-2-7b").page
    files, counted = cells_of(made, model="llama-2-7b"), {}
    shifts: dict[int, list[float]] = {1: [], 2: []}
    for file in files:
        outcome, shift = file["outcome/class"][:], 1 - file["focus_shift/set_cosine"][:]
        for number, found in shifts.items():
            found += shift[(outcome == number) & ~np.isnan(shift)].tolist()
        for name in ("focus_on_key", "probab"):
            probe = file[f"probes/{name}"]
            mine = outcome[probe["probed_question"][:].astype(int)] == 2
            counted[name] = np.add(counted.get(name, (0, 0)), (probe["is_right"][:][mine].any(axis=1).sum(), mine.sum()))
        had, has = rows_with_keys(file, "target"), rows_with_keys(file, "unlearned")
        for name, number in (("destroyed", 4), ("kept", 3)):
            counted[name] = np.add(counted.get(name, (0, 0)), ((had & ~has & (outcome == number)).sum(), (had & (outcome == number)).sum()))
    said = [page.inner_text(f"#claim-{number}") for number in (1, 2, 3)]
    for number, words in ((2, "where forgotten"), (1, "where still right")):
        assert re.search(rf"{np.mean(shifts[number]):.2f} \(n = {len(shifts[number])}; [\d.]+ to [\d.]+\) {words}", said[0])
    for place, name in ((1, "focus_on_key"), (1, "probab"), (2, "destroyed"), (2, "kept")):
        won, total = map(int, counted[name])
        low, high = wilson(won, total)
        assert f"{100 * won / total:.1f} % ({won}/{total}; {100 * low:.1f} to {100 * high:.1f} %)" in said[place], name
    shown = dict(zip(texts(page, "#heat tbody th"), texts(page, "#heat tbody td"), strict=True))
    assert len(shown) == len(files) == 6
    for file in files:
        state = file["knowledge/state"][:]
        left, known = int(np.isin(state, [2, 3]).sum()), int(np.isin(state, [2, 3, 4]).sum())
        assert abs(float(shown[file.attrs["method"]].rstrip(" %")) - 100 * left / known) <= 0.5


def test_every_judge_is_heard_on_each_attempt_and_as_a_filter(opened, tmp_path):
    path = write_cell(tmp_path / "a.h5", Recipe(second_judge=True, forget=12, retain=6))
    with h5py.File(path, "r+") as file:
        other = file["probes/focus_on_key/judges/exact_match/is_right"]
        other[...] = 1 - other[...]  # the judges disagree about every attempt
        file["judges/exact_match/unlearned_is_right"][:9] = 1 - file["judges/exact_match/unlearned_is_right"][:9]
        probe, question = file["probes/focus_on_key"], int(file["probes/focus_on_key/probed_question"][0])
        wanted = [[bool(a), bool(b)] for a, b in zip(probe["is_right"][0], other[0], strict=True)]
        known = file["judges/exact_match/target_is_right"][:].astype(bool) & (file["questions/split"][:] == 0)
        forgotten = int((known & (file["judges/exact_match/unlearned_is_right"][:] == 0)).sum())
        cell = file.attrs["cell_id"]
    out = write_report(sources_of([path]), tmp_path / "report.html")[0]
    page = opened(f"#cell={cell}&n={question}", path=out).page
    page.wait_for_selector(".attempts")
    for row, verdicts in zip(page.locator(".attempts").first.locator("tbody tr").all(), wanted, strict=True):
        marks = row.locator(".mark").all_inner_texts()
        assert ["right" in mark and "✓" in mark for mark in marks] == verdicts and "exact_match" in marks[1]
    page = opened("#judge=exact_match", path=out).page
    assert page.locator("#verdict-table tbody td").nth(3).inner_text() == str(forgotten)
    page.select_option("#filters select", "")
    page.wait_for_function("!location.hash.includes('judge')")
