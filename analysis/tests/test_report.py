"""The HTML report."""

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import h5py
import pytest
from synthetic import Recipe, write_cell
from synthetic_campaign import write_campaign

from unpact_results import load_campaign
from unpact_results.__main__ import main
from unpact_results.report import render


class Page(HTMLParser):
    """Collects elements, and checks that they nest."""

    VOID = {"meta", "br", "path", "use", "image", "rect", "stop"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open and self.open.pop() == tag, tag

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def html(campaign_file):
    return render(load_campaign(campaign_file))


def test_page_is_well_formed_and_self_contained(html):
    page = Page(html)
    assert len(page.of("script")) == 1 and "src" not in page.of("script")[0]
    assert not page.of("link") and not page.of("img") and not page.of("iframe")
    links = [value for _, attributes in page.elements for name, value in attributes.items() if name in ("href", "src", "xlink:href")]
    assert links and all(value.startswith(("#", "data:image/png")) for value in links)
    assert "url(http" not in html and "@import" not in html


def test_ids_are_unique_and_targets_exist(html):
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:href="#|url\(#)([^")]+)', html)
    assert set(wanted) <= set(ids)


def test_prompts_cannot_inject_markup(campaign_file):
    html = render(load_campaign(campaign_file), [1, 6])
    assert "<script>alert" not in html and "<img src=x" not in html and "<b>before" not in html
    assert "&lt;script" in html and "It was John Smith &lt;i&gt;." in html


def test_names_cannot_inject_markup(tmp_path):
    path = write_cell(tmp_path / "a.h5", Recipe(method="<b>x</b>", model='m"><script>1</script>', dataset="$x_1$ & 'y'"))
    page = Page(render(load_campaign(path)))
    assert len(page.of("script")) == 1


def test_figures_are_accessible_svg(html):
    drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(drawings) == 4
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        assert root.attrib["role"] == "img"
        assert [child.tag.split("}")[1] for child in root[:2]] == ["title", "desc"] and all(child.text for child in root[:2])


def test_sections_and_numbers(html):
    for words in ("Verdict of each cell", "The dilemma", "Claim 1", "Claim 2", "Claim 3", "The study says", "Our reading", "Rule (ours)", "Where the time goes",
                  "hurts", "supports", "1 planned cell without a result", "qwen3-14b.muse-news.tv.s1: missing", "commit 0123abcd"):
        assert words in html, words
    assert not re.search(r"[>\s(]nan[<\s;%)]", html, re.IGNORECASE)
    assert "– (0/0)" in html


def test_one_scale_for_all_strips(html):
    assert html.count('class="ticks"') == 1
    assert {"before", "after", "difference"} <= set(re.findall(r'<th scope="row">(\w+)</th>', html))


def test_report_command_writes_all_files(campaign_file, tmp_path, capsys):
    out = tmp_path / "deep" / "r.html"
    assert main(["report", str(campaign_file.parent), "--out", str(out), "--questions", "5,6"]) == 0
    assert sorted(p.name for p in out.parent.iterdir()) == ["r.html", "scatter.png", "scatter.svg", "table.csv", "table.md"]
    assert "Question 6:" in out.read_text() and "Question 0:" not in out.read_text()
    ElementTree.parse(out.with_name("scatter.svg"))
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_nothing_forgotten(tmp_path):
    path = write_cell(tmp_path / "a.h5", Recipe(forgotten=0, destroyed=0, steps=0))
    html = render(load_campaign(path))
    Page(html)
    assert "insufficient" in html and "no training steps" in html


def test_campaign_without_a_finished_cell(tmp_path):
    path = write_campaign(tmp_path, [], [Recipe("ga"), Recipe("tv")])
    html = render(load_campaign(path))
    Page(html)
    assert "2 planned cells without a result" in html and html.count("cannot be said here") >= 3


def test_numbers_that_are_not_finite(tmp_path):
    path = write_cell(tmp_path / "a.h5", Recipe())
    with h5py.File(path, "r+") as file:
        for name in ("log_probabilities", "contributions"):
            file[f"unlearned/own/{name}/values"][...] = float("nan")
        file["unlearned/gold/contributions/values"][3] = float("-inf")
        file["training/loss"][4:] = float("inf")
    Page(render(load_campaign(path)))


def test_equal_input_gives_equal_bytes(campaign_file, html):
    assert render(load_campaign(campaign_file)) == html
