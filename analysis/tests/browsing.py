"""Opens reports in Debian's Chromium, and keeps what goes wrong on their pages."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from unpact_results.report import sources_of, write_report
from unpact_results.statistics import wilson

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
needs_chromium = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason="there is no Chromium (Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        with driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as made:
            yield made


class Opened:
    """A page, and everything that went wrong on it."""

    def __init__(self, browser, path: Path, address: str = "", width: int = 1400) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.faults: list[str] = []
        self.page.on(
            "console", lambda message: self.faults.append(message.text) if message.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.faults.append("a dialog"), dialog.dismiss()))
        self.page.on(
            "request",
            lambda request: self.faults.append(request.url) if not request.url.startswith(f"file://{path.parent}") else None,
        )
        self.page.goto(f"file://{path}{address}", wait_until="commit")
        self.page.wait_for_selector("html[data-ready]")
        self.page.wait_for_selector("#question-table")

    def close(self) -> None:
        assert self.faults == []
        self.page.close()


HOSTILE = '<img src=x onerror=alert(1)> \u202eevil\u202c <script>alert(2)</script> & "quoted" \u0007'


@pytest.fixture(scope="module")
def made(campaign_file, tmp_path_factory) -> Path:
    """A report of eight cells, in which one question and one answer are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(campaign_file.parent / "cells", folder / "cells")
    first = sorted((folder / "cells").iterdir())[0]
    with h5py.File(first, "r+") as file:
        for name, text in (
            ("unlearned/answer", HOSTILE + "x" * 1_000_000),
            ("questions/text", HOSTILE),
            ("questions/gold_answer", "gold \u202e\u2066"),
        ):
            values = file[name].asstr()[:].astype(object)
            values[2] = text
            encoded = [value.encode() for value in values]
            attributes = dict(file[name].attrs)
            del file[name]
            file.create_dataset(
                name,
                data=np.array(encoded, dtype=f"S{max(map(len, encoded))}").astype(
                    h5py.string_dtype("utf-8", max(map(len, encoded)))
                ),
            )
            for key in ("unit", "units", "long_name"):
                file[name].attrs[key] = attributes[key]
    return write_report(sources_of([folder]), folder / "report.html")[0]


@pytest.fixture()
def opened(browser, made):
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


CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = (c) => c <= 10 ? c / 12.92 / 255 : ((c / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (node) => { for (; node; node = node.parentElement) { const c = parse(getComputedStyle(node).backgroundColor); if (c.length && (c.length < 4 || c[3] > 0)) return c; } return [255, 255, 255]; };
  const bad = [];
  for (const node of document.querySelectorAll("body *")) {
    if (![...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()) || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    if (node.closest("svg") ? false : node.disabled) continue;
    const text = light(parse(node.closest("svg") ? style.fill : style.color)), back = light(ground(node));
    const ratio = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
    if (ratio < 4.5 && Number(style.opacity) === 1) bad.push(`${node.tagName}.${node.className} ${node.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return bad;
}"""


def texts(page, selector: str) -> list[str]:
    return page.locator(selector).all_inner_texts()


def shown_rate(count: int, total: int) -> str:
    low, high = wilson(count, total)
    return f"{100 * count / total:.1f} % {count}/{total} {100 * low:.1f} to {100 * high:.1f} %"
