"""Tables and figures for papers, and the table in a terminal."""

import csv
import io
import re
import unicodedata
import xml.etree.ElementTree as ElementTree

import h5py
import numpy as np
import pytest
from synthetic import Recipe, write_cell
from synthetic_campaign import RECIPES, write_campaign

from unpact_results import load_campaign, terminal
from unpact_results.__main__ import main
from unpact_results.paper_figures import pareto
from unpact_results.paper_tables import all_tables
from unpact_results.pooled import pooled_rows
from unpact_results.report import sources_of
from unpact_results.statistics import rate
from unpact_results.tables import Table
from unpact_results.web.gather import gather


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
    wanted = ["dilemma", "focus_shift", "contributions", "recovery", "strips", "heat", "trajectories", "key_tokens", "losses"]
    assert figures == {f"figure_{number}_{name}" for number, name in enumerate(wanted, 1)} and "references.bib" in names
    assert {int(table.split("_")[1]) for table in tables} == {*range(1, 11), 12, 14, 17}, "a number belongs to its table; no other judge, model, data or thought here"
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


def rows_of(paper, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((paper / "paper" / f"{name}.csv").read_text())))


def files_of(paper, **wanted) -> list[h5py.File]:
    files = [h5py.File(path) for path in sorted((paper / "cells").iterdir())]
    return [file for file in files if all(file.attrs[name] == value for name, value in wanted.items())]


def test_probes_are_those_of_the_files(paper):
    files = files_of(paper, method="ga_gd")
    assert len(files) == 2
    for row in rows_of(paper, "table_7_probes"):
        name = {"FocusOnKey": "focus_on_key", "Probab": "probab"}[row["probe"]]
        if row["method"] != "ga_gd":
            continue
        once, every, asked, tokens = 0.0, 0, 0, 0
        for file in files:
            probe, forgotten = file[f"probes/{name}"], file["outcome/class"][:] == 2
            mine = forgotten[probe["probed_question"][:].astype(int)] & (probe["asked"][:] > 0)
            right = probe["is_right"][:][mine].astype(bool)
            once, every, asked = once + right.mean(axis=1).sum(), every + int(right.any(axis=1).sum()), asked + len(right)
            tokens += int(probe["tokens"][:][mine].sum())
        assert float(row["at one attempt count"]) == pytest.approx(once, abs=1e-5)  # the page keeps six digits
        assert (float(row["at all count"]), int(row["at all total"])) == (every, asked) and row["tokens a recovery"] == str(round(tokens / every))


def test_metrics_and_cost_are_those_of_the_files(paper):
    rows = rows_of(paper, "table_12_metrics")
    for file in files_of(paper):
        mine = {row["metric"]: row for row in rows if (row["method"], int(row["seed"])) == (file.attrs["method"], file.attrs["seed"])}
        group = file["metrics"]
        assert list(mine) == group["name"].asstr()[:].tolist()
        for end, column in (("", "value"), ("_low", "low"), ("_high", "high")):
            found = [float(row[f"unlearned {column}"] or "nan") for row in mine.values()]
            np.testing.assert_allclose(found, group[f"unlearned{end}"][:])
    seconds: dict[str, float] = {}
    for file in files_of(paper):
        for stage, taken in zip(file["work/stage"].asstr()[:], file["work/seconds"][:], strict=True):
            seconds[stage] = seconds.get(stage, 0.0) + taken
    assert {row["stage"]: float(row["seconds"]) for row in rows_of(paper, "table_17_cost")} == pytest.approx(seconds, rel=1e-3)  # four digits


def test_tables_of_two_campaigns_judges_models_and_data(tmp_path):
    """Each table that one small campaign has nothing for, beside the flags of the files."""
    for folder, destroyed in (("one", 0.1), ("two", 0.6)):
        for seed, model in ((1, "a"), (1, "b"), (2, "a")):
            write_cell(tmp_path / folder / f"{model}{seed}.h5", Recipe(model=model, seed=seed, destroyed=destroyed, second_judge=True))
    sources = sources_of([tmp_path / "one", tmp_path / "two"])
    made = gather(sources[:1])
    found = {table.name: (number, table) for number, table in all_tables(made, pooled_rows(made.summaries), gather(sources))}
    classes = {path.relative_to(tmp_path).with_suffix("").as_posix(): h5py.File(path)["outcome/class"][:] for path in tmp_path.glob("*/*.h5")}

    def paired(pairs):
        one, other = (np.concatenate([classes[pair[side]] for pair in pairs]) for side in (0, 1))
        both = (one >= 3) & (other >= 3)
        return [(int((side[both] == 4).sum()), int(both.sum())) for side in (one, other)]

    def shown(name, key):
        (row,) = [row for row in found[name][1].rows if all(part in row for part in key)]
        return [(value.count, value.total) for value in row if hasattr(value, "total")]

    assert shown("differences", ("a", "destructive rate")) == paired([("one/a1", "two/a1"), ("one/a2", "two/a2")])
    assert shown("models", ("a", "b", "destructive rate")) == paired([("one/a1", "one/b1")])
    assert [found[name][0] for name in ("judges", "models", "seeds", "differences")] == [11, 13, 14, 19]
    with h5py.File(tmp_path / "one/b1.h5") as file:
        retain = file["questions/split"][:] == 1
        wanted = (int(file["judges/exact_match/unlearned_is_right"][:][retain].sum()), int(retain.sum()))
    assert shown("judges", ("b", "exact_match"))[1] == wanted
    assert all(table.latex().count(" & ") and table.markdown() and table.csv() for _, table in found.values())


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
