"""Tables and figures for papers, and the table in a terminal."""

import csv
import io
import re
import unicodedata
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from synthetic import Recipe
from synthetic_campaign import RECIPES, write_campaign

from unpact_results import load_campaign, terminal
from unpact_results.__main__ import main
from unpact_results.paper_figures import pareto
from unpact_results.statistics import rate
from unpact_results.tables import Table


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    write_campaign(folder, [*RECIPES[:2], Recipe("ga_gd", seed=2, forgotten=0.6)])
    assert main(["paper", str(folder), "--jobs", "1"]) == 0
    return folder


def test_every_figure_and_table_in_every_format(paper):
    names = sorted(path.name for path in (paper / "paper").iterdir())
    figures = {name.split(".")[0] for name in names if name.startswith("figure_")}
    tables = {name.split(".")[0] for name in names if name.startswith("table_")}
    assert len(figures) == 5 and len(tables) == 6 and "references.bib" in names
    assert len(names) == len(figures) * 4 + len(tables) * 3 + 1
    for figure in figures:
        ElementTree.parse(paper / "paper" / f"{figure}.svg")
        assert (paper / "paper" / f"{figure}.pdf").read_bytes().startswith(b"%PDF") and (
            paper / "paper" / f"{figure}.png"
        ).read_bytes().startswith(b"\x89PNG")


def test_pooled_numbers_are_sums_over_the_files(paper):
    rows = list(csv.DictReader(io.StringIO((paper / "paper" / "table_1_results.csv").read_text())))
    row = next(row for row in rows if row["method"] == "ga_gd")
    cells = [cell for cell in load_campaign(paper).cells if cell.method == "ga_gd"]
    counts = [sum(getattr(cell.rates["destructive_held_out"], part) for cell in cells) for part in ("count", "total")]
    assert [int(row["destructive rate count"]), int(row["destructive rate total"])] == counts and row["seeds"] == "1, 2"
    assert float(row["destructive rate low"]) == pytest.approx(rate(*counts).low)
    shifts = np.concatenate([cell.shift[cell.outcome == 2] for cell in cells])
    assert float(row["shift of forgotten value"]) == pytest.approx(np.nanmean(shifts))


def test_latex_is_escaped_and_has_intervals(paper):
    text = (paper / "paper" / "table_1_results.tex").read_text()
    assert r"\toprule" in text and r"ga\_gd" in text and re.search(r"\\% \{\\scriptsize \[[\d.]+, [\d.]+\]\}", text)
    assert text.count(r"\begin") == text.count(r"\end") and text.count("{") - text.count(r"\{") == text.count(
        "}"
    ) - text.count(r"\}")
    hostile = Table("x", "50 % of $x_1$ & {y}", ["a", "b"], [["<b>\\evil^~#|", rate(1, 4)], ["–", rate(0, 0)]])
    assert (
        r"\textless{}b\textgreater{}\textbackslash{}evil\textasciicircum{}\textasciitilde{}\#" in hostile.latex()
        and "-- & --" in hostile.latex()
    )
    assert "\\<b>" in hostile.markdown() and "\\|" in hostile.markdown()
    assert hostile.csv().splitlines()[1].startswith("<b>\\evil^~#|,1,4,0.25,")


def test_what_was_used_is_cited(paper):
    text = (paper / "paper" / "references.bib").read_text()
    assert (
        re.findall(r"@\w+\{(\w+),", text) == ["dilemma2025", "jang2022", "shi2024muse", "touvron2023", "unpact", "lin2004"]
        and "0123abcd" in text
    )


def test_pareto_front():
    points = np.array([[0.1, 0.9], [0.5, 0.5], [0.6, 0.6], [0.9, 0.1], [0.5, 0.5]])
    assert pareto(points).tolist() == [True, True, False, True, True]


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1 for char in line)


def test_the_terminal_table_fits(tmp_path):
    long = Recipe("a_method_with_a_very_long_name", "模型" * 12, "data\u202e\x1b[31m" * 4)
    write_campaign(tmp_path, [*RECIPES[:3], Recipe("ga", seed=2), long], [Recipe("tv"), Recipe("ga", seed=3)])
    text = terminal.render(load_campaign(tmp_path, lazy=True))
    assert max(map(columns, text.splitlines())) <= 100 and "\x1b" not in text and "\u202e" not in text
    assert "5 of 7 cells finished" in text and "1 missing" in text
    (line,) = [line for line in text.splitlines() if line.startswith("ga ")]
    cells = [cell for cell in load_campaign(tmp_path).cells if cell.method == "ga"]
    assert line.split()[1:3] == ["2", str(sum(len(cell.where(2)) for cell in cells))]
    left = [sum(getattr(cell.rates["knowledge_left"], part) for cell in cells) for part in ("count", "total")]
    assert line.split()[3].split("±")[0] == f"{100 * left[0] / left[1]:.0f}"
    assert max(map(columns, terminal.render(load_campaign(tmp_path), terminal.NARROWEST).splitlines())) <= terminal.NARROWEST
    assert re.search(r"\033\[3[1235]m", terminal.render(load_campaign(tmp_path), colours=True))


def test_watch_shows_cells_as_they_come(tmp_path):
    campaign = write_campaign(tmp_path, RECIPES[:1], RECIPES[1:2])
    out, turns = io.StringIO(), []

    def load():
        if turns:
            write_campaign(tmp_path, RECIPES[:2])
        turns.append(campaign)
        return load_campaign(campaign, lazy=True)

    terminal.watch(load, out, 0.01)
    assert len(turns) == 2 and "1 of 2 cells finished" in out.getvalue() and "2 of 2 cells finished" in out.getvalue()
    assert main(["table", str(campaign), "--watch", "--format", "csv"]) == 1
