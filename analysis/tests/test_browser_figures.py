"""Figures and population views of the report in Chromium, beside the HDF5 files: what they show, opened closer, kept, filtered."""

import csv
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from browsing import browser, cells_of, made, needs_chromium, opened, texts  # noqa: F401 (fixtures)

from unpact_results.statistics import wilson

pytestmark = needs_chromium


def test_population_views_count_every_token(opened, made):
    page = opened("#method=rmu").page
    (file,) = cells_of(made, method="rmu")
    page.evaluate("document.getElementById('contributions').open = true")
    page.wait_for_selector("#contributions canvas")
    assert int(page.get_attribute("#contributions .panel", "data-tokens")) == len(file["target/gold/contributions/values"])
    before = int(file["target/own/is_key_token/values"][:].sum())
    cells = [int(text.split()[-1].split("/")[0]) for text in texts(page, "[data-view=kind] tbody td:nth-child(3)")]
    assert sum(cells) == before


def test_population_views_show_the_numbers_of_the_file(opened, made):
    """What the page's own script adds up: the picture of contributions, recovery with its cost, the time of each stage."""
    page = opened("#method=ga_gd&model=llama-2-7b").page
    (file,) = cells_of(made, method="ga_gd", model="llama-2-7b")
    for section in ("contributions", "cost", "losses", "probe-costs"):
        page.evaluate(f"document.getElementById('{section}').open = true")
    page.wait_for_selector("#contributions canvas")
    counts = np.array(page.evaluate("[...document.querySelector('#contributions canvas').counts].map((part) => [...part])"))
    limit, outcome = 1.5 * page.evaluate("INDEX.limits.colour"), file["outcome/class"][:]
    sizes = np.diff(file["target/gold/contributions/offsets"][:].astype(int))
    x, y = (np.round(file[f"{model}/gold/contributions/values"][:].astype(float), 3) for model in ("target", "unlearned"))
    edges = np.linspace(-limit, limit, 85)
    for number in range(5):
        mine = np.repeat(outcome == number, sizes)
        clipped = [np.clip(values[mine], -limit, np.nextafter(limit, 0)) for values in (y, x)]
        wanted = np.histogram2d(*clipped, bins=[edges, edges])[0].ravel()
        assert counts[number].sum() == wanted.sum() and np.abs(counts[number] - wanted).sum() <= 4, "rounding on an edge"
    page.wait_for_selector("#cost table")
    rows = page.eval_on_selector_all("#cost table:first-of-type tbody tr", "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))")
    stages = dict(zip(file["work/stage"].asstr()[:], file["work/positions"][:].astype(int), strict=True))
    shown = {row[0]: int(re.sub(r"\D", "", row[3]) or 0) for row in rows if row[0] in stages}
    assert shown == stages
    page.wait_for_selector("#losses path")
    losses = page.eval_on_selector_all("#losses .place path", "nodes => nodes.map((node) => node.getAttribute('d').split(/[ML]/).length - 1)")
    assert losses[0] == len(file["training/loss"])
    forgotten, right = set(np.flatnonzero(outcome == 2).tolist()), {}
    for row in page.eval_on_selector_all("#probe-table tbody tr", "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"):
        name = {"FocusOnKey": "focus_on_key", "Probab": "probab"}[row[2]]
        probe = file[f"probes/{name}"]
        right[name] = {int(q) for q, ok in zip(probe["probed_question"][:], probe["is_right"][:].any(axis=1), strict=True) if ok and int(q) in forgotten}
        first = np.mean([ok.mean() for q, ok in zip(probe["probed_question"][:], probe["is_right"][:], strict=True) if int(q) in forgotten])
        assert row[5].startswith(f"{100 * first:.1f} %") and row[7].startswith(f"{100 * len(right[name]) / len(forgotten):.1f} %")
        tokens = sum(int(t.sum()) for q, t in zip(probe["probed_question"][:], probe["tokens"][:], strict=True) if int(q) in forgotten)
        assert int(re.sub(r"\D", "", row[11])) == round(tokens / len(right[name])) and row[4] == str(len(forgotten))
    for name, mine in right.items():
        (other,) = [values for key, values in right.items() if key != name]
        (row,) = [row for row in page.eval_on_selector_all("#probe-table tbody tr", "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))") if {"FocusOnKey": "focus_on_key", "Probab": "probab"}[row[2]] == name]
        assert row[10] == str(len(mine - other))
    said = page.locator("#over-steps svg").first.get_attribute("aria-label")
    curve = {name: file[f"curves/{name}"][:] for name in ("step", "right", "asked")}
    for place, arm in enumerate(file["curves/arm"].asstr()[:]):
        assert re.search(rf"{arm}: {curve['step'][place]} steps .*{curve['right'][place]}.{{1,4}}{curve['asked'][place]}", said), said
    verdict = page.locator("#verdict-table tbody td:last-child").inner_text()
    still, known = int((outcome == 1).sum()), int(np.isin(outcome, [1, 2]).sum())
    best = max(right, key=lambda name: len(right[name]))
    wanted = "what is still right" if still / known >= 0.307 else {"focus_on_key": "FocusOnKey", "probab": "Probab"}[best] if (still + len(right[best])) / known >= 0.307 else "several"
    assert f"much is left by {wanted}" in verdict


def kept(page, kind: str) -> bytes:
    with page.expect_download() as waiting:
        page.click(f"dialog .keep button:text('{kind}')")
    return Path(waiting.value.path()).read_bytes()


def test_a_figure_is_looked_into_and_kept(opened, made):
    """Drawn by the embedded library only when it is asked for; what is kept are the numbers of the files."""
    page = opened("#model=llama-2-7b").page
    assert page.evaluate("window.vegaEmbed === undefined")
    page.focus("#pictures .look")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog .keep")
    rows = [row for row in csv.DictReader(io.StringIO(kept(page, "CSV").decode())) if row["kind"] == "method"]
    assert len(rows) == 6
    for row in rows:
        (file,) = cells_of(made, method=row["method"], model="llama-2-7b")
        state = file["knowledge/state"][:]
        left, known = int(np.isin(state, [2, 3]).sum()), int(np.isin(state, [2, 3, 4]).sum())
        assert row["knowledge left counts"] == f"{left}/{known}" and float(row["knowledge left low"]) == pytest.approx(wilson(left, known)[0])
    drawing = ElementTree.fromstring(kept(page, "SVG"))
    words = {text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")}
    assert {row["method"] for row in rows} <= words and kept(page, "PNG").startswith(b"\x89PNG")
    page.hover("dialog .vega path[aria-label*='knowledge left counts'] >> nth=0", force=True)
    assert f"knowledge left counts: {rows[0]['knowledge left counts']}" in page.inner_text("dialog .said")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert page.evaluate("document.activeElement.classList.contains('look')")


def test_every_kind_of_figure_opens_and_its_licence_is_there(opened):
    page = opened("#method=ga_gd").page
    for section in ("contributions", "losses", "licences"):
        page.evaluate(f"document.getElementById('{section}').open = true")
    for selector in ("#heat .look", "#budget .look", "#losses .look", "#contributions .look"):
        page.locator(selector).first.click()
        page.wait_for_selector("dialog .vega svg [role=graphics-symbol]")
        assert len(list(csv.reader(io.StringIO(kept(page, "CSV").decode())))) > 2
        page.click("dialog button:text('close')")
        page.wait_for_selector("dialog", state="detached")
    assert "Redistributions in binary form must reproduce" in page.inner_text("#licences")


def test_the_way_of_the_unlearnings_follows_the_filters(opened, made):
    page = opened("#method=ga_gd,tv").page
    assert sorted(set(texts(page, "#ways-destruction_at tbody tr:not([hidden]) td:nth-child(3)"))) == ["ga_gd", "tv"]
    page.locator("#ways-pictures .look").first.click()
    page.wait_for_selector("dialog .keep")
    rows = list(csv.DictReader(io.StringIO(kept(page, "CSV").decode())))
    model = page.inner_text("#ways-pictures figcaption >> nth=0").split(",")[0]
    (file,) = cells_of(made, method="ga_gd", model=model)
    known = file["target/is_right"][:].astype(bool)
    forget, held = known & (file["questions/split"][:] == 0), known & (file["questions/half"][:] == 2)
    right = file["trajectory/is_right"][:].astype(bool)
    wanted = [(0.0, 0.0), *zip(1 - right[:, forget].mean(axis=1), 1 - right[:, held].mean(axis=1), strict=True)]
    found = [(float(row["forgotten"]), float(row["destroyed"])) for row in rows if row["line"] == "ga_gd"]
    np.testing.assert_allclose(found, wanted)
