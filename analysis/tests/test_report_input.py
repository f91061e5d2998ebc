"""Bad and odd input of the report: said, and the rest is shown."""

import h5py
import numpy as np
import pytest
from pages import Page, Report, reals
from synthetic import Recipe, write_cell
from synthetic_campaign import RECIPES, write_campaign

from unpact_results import load_campaign
from unpact_results.__main__ import main
from unpact_results.report import render, sources_of, write_report


def test_bad_cells_are_said_and_the_rest_is_shown(tmp_path):
    path = write_campaign(tmp_path, RECIPES[:5], [Recipe("tv", "qwen3-14b")])
    files = [tmp_path / "cells" / f"{recipe.id}.h5" for recipe in RECIPES[:5]]
    files[0].write_bytes(b"not HDF5")
    with h5py.File(files[1], "r+") as file:
        del file["unlearned/gold/contributions"]
    with h5py.File(files[2], "r+") as file:
        file.attrs["schema_version"] = "9.0.0"
    files[3].unlink()
    report = Report(write_report(sources_of([path]), tmp_path / "r.html")[0])
    said = {entry["id"]: (entry["status"], entry["note"]) for entry in report.index["absent"]}
    assert list(report.cells) == [RECIPES[4].id] and len(said) == 5
    assert {state for state, _ in said.values()} == {"broken", "missing"}
    assert "contributions" in said[RECIPES[1].id][1] and "9.0.0" in said[RECIPES[2].id][1]
    (entry,) = report.cells.values()
    assert {entry[name] for name in ("questions", "prompts", "target")} <= set(report.names()), "what a broken cell would have shared is there all the same"


def test_cells_that_change_while_the_report_is_made(tmp_path):
    """One goes and one is cut short after the campaign was looked at, and the old page stays where no new one can be made."""
    path = write_campaign(tmp_path, RECIPES[:3])
    sources = sources_of([path])
    files = [tmp_path / "cells" / f"{recipe.id}.h5" for recipe in RECIPES[:3]]
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:5000])
    for jobs in (1, 2):
        report = Report(write_report(sources, tmp_path / "r.html", jobs=jobs)[0])
        assert list(report.cells) == [RECIPES[2].id] and {entry["status"] for entry in report.index["absent"]} == {"broken"}
        assert [entry["id"] for entry in report.index["absent"]] == [recipe.id for recipe in RECIPES[:2]]
        assert all(str(tmp_path) not in entry["note"] and "cannot be read" in entry["note"] for entry in report.index["absent"]), "people share it: no paths of a machine"


@pytest.mark.parametrize("name", ["probes/focus_on_key/is_right", "probes/probab/tokens", "unlearned/gold/contributions/offsets", "questions/split"])
def test_a_cell_whose_parts_do_not_fit_is_said(tmp_path, name):
    for recipe in (Recipe(forget=4, retain=3), Recipe("ga", forget=4, retain=3)):
        write_cell(tmp_path / f"{recipe.method}.h5", recipe)
    with h5py.File(tmp_path / "ga.h5", "r+") as file:
        values, attributes = file[name][:-1], dict(file[name].attrs)
        del file[name]
        file[name] = values
        file[name].attrs.update({key: attributes[key] for key in ("unit", "units", "long_name") if key in attributes})
    report = Report(render(load_campaign(tmp_path, lazy=True)))
    assert [cell["method"] for cell in report.index["cells"]] == ["npo_gd"] and report.index["absent"][0]["status"] == "broken"


def test_cells_that_ask_differently_stand_side_by_side(tmp_path):
    """The same target, but other questions: each is counted on its own."""
    for forget in (5, 6):
        write_cell(tmp_path / f"{forget}.h5", Recipe("ga", seed=forget, forget=forget))
    report = Report(render(load_campaign(tmp_path)))
    assert [cell["size"] for cell in report.index["cells"]] == [29, 30]


def test_a_paper_of_a_campaign_without_a_finished_cell(tmp_path):
    path = write_campaign(tmp_path, [], [Recipe("ga")])
    assert main(["paper", str(path), "--jobs", "1"]) == 0
    assert (tmp_path / "paper" / "references.bib").is_file() and not list((tmp_path / "paper").glob("table_12*"))


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(forget=1, retain=0),
        Recipe(forget=1, retain=1, steps=0),
        Recipe(forgotten=0, destroyed=0),
        Recipe(attribution="shapley", forget=4, retain=4),
    ],
)
def test_small_and_odd_campaigns(tmp_path, recipe):
    Page(render(load_campaign(write_cell(tmp_path / "a.h5", recipe))))


def test_a_folder_that_is_no_campaign_is_one_message(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_campaign_without_a_finished_cell(tmp_path):
    path = write_campaign(tmp_path, [], [Recipe("ga"), Recipe("tv")])
    report = Report(render(load_campaign(path)))
    assert len(report.index["absent"]) == 2 and report.cells == {}


def test_numbers_that_are_not_finite(tmp_path):
    path = write_cell(tmp_path / "a.h5", Recipe())
    with h5py.File(path, "r+") as file:
        for name in ("log_probabilities", "contributions"):
            file[f"unlearned/own/{name}/values"][...] = float("nan")
        file["unlearned/gold/contributions/values"][3] = float("-inf")
        file["training/loss"][4:] = float("inf")
    chunk = Report(render(load_campaign(path))).chunk("c0")
    assert np.isnan(reals(chunk["own_values"], 1000)).all() and reals(chunk["gold_values"], 1000)[3] == -np.inf


def test_an_older_file_without_the_evidence_of_1_7(tmp_path):
    path = write_cell(tmp_path / "a.h5", Recipe())
    with h5py.File(path, "r+") as file:
        for name in ("knowledge", "judges", "judge_check", "arms", "questions/half", "metrics"):
            del file[name]
        for probe in file["probes"].values():
            for name in ("asked", "put", "has_gold", "gold_share", "new_words", "echo_right", "judges"):
                del probe[name]
        del file.attrs["halves"], file.attrs["baseline_fingerprint"]
        file.attrs["schema_version"] = "1.3.0"
    report = Report(render(load_campaign(path)))
    assert report.cells and report.chunk("c0")["probes"][0]["put"] is None
