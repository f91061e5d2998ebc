"""Tables for notebooks, beside the HDF5 files."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from synthetic import Recipe, write_cell
from synthetic_campaign import RECIPES, write_campaign

from unpact_results import ResultsError, load_campaign, load_cell

pytest.importorskip("pandas")
from unpact_results import frames  # noqa: E402

NOTEBOOK = Path(__file__).parents[2] / "examples" / "results.ipynb"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("frames")
    write_campaign(
        path,
        [Recipe(seed=1, forget=8, retain=6, second_judge=True), Recipe(seed=2, forget=8, retain=6, second_judge=True)],
        [Recipe("tv")],
    )
    return path


def test_questions_attempts_and_tokens_are_those_of_the_file(folder):
    campaign = load_campaign(folder, lazy=True)
    questions, attempts, tokens = frames.questions(campaign), frames.attempts(campaign), frames.tokens(campaign, "gold")
    assert len(questions) == 28 and questions.attrs["left_out"] == [] and set(questions["seed"]) == {1, 2}
    path = campaign.cells.paths[0]
    with h5py.File(path) as file:
        mine = questions[questions["cell"] == file.attrs["cell_id"]]
        assert mine["after"].tolist() == file["unlearned/answer"].asstr()[:].tolist()
        np.testing.assert_allclose(mine["focus_shift"], 1 - file["focus_shift/set_cosine"][:])
        np.testing.assert_array_equal(
            mine["right_after_exact_match"], file["judges/exact_match/unlearned_is_right"][:].astype(bool)
        )
        probe = file["probes/focus_on_key"]
        tried = attempts[(attempts["cell"] == file.attrs["cell_id"]) & (attempts["probe"] == "focus_on_key")]
        np.testing.assert_array_equal(tried["right"], probe["is_right"][:].ravel().astype(bool))
        assert tried["answer"].tolist() == probe["answer"].asstr()[:].ravel().tolist()
        found = tokens[tokens["cell"] == file.attrs["cell_id"]]
        np.testing.assert_array_equal(found["after"].astype(np.float32), file["unlearned/gold/contributions/values"][:])
        np.testing.assert_array_equal(
            found["token_id"], file["prompts/token_ids/values"][:][file["prompts/is_candidate/values"][:] == 1]
        )
        rates = frames.rates(campaign)
        np.testing.assert_allclose(rates[rates["cell"] == file.attrs["cell_id"]]["value"], file["rates/value"][:])


def test_save_points_and_stages_are_those_of_the_file(folder):
    campaign = load_campaign(folder, lazy=True)
    points, stages = frames.trajectory(campaign), frames.stages(campaign)
    with h5py.File(campaign.cells.paths[1]) as file:
        mine, run = (table[table["cell"] == file.attrs["cell_id"]] for table in (points, stages))
        assert mine["step"].tolist() == file["trajectory/step"][:].tolist()
        assert run["stage"].tolist() == file["work/stage"].asstr()[:].tolist() and run["positions"].tolist() == file["work/positions"][:].tolist()


def test_xarray_has_matrices_and_rates(folder):
    pytest.importorskip("xarray")
    campaign = load_campaign(folder)
    cell = campaign.cells[0]
    made = frames.matrix(cell, 3, "gold")
    np.testing.assert_array_equal(made.log_probability.sel(model="unlearned"), cell.unlearned.gold.matrix(3))
    np.testing.assert_allclose(made.contribution.sel(model="target")[1:], cell.target.gold.contributions[3], atol=1e-5)
    rates = frames.dataset(campaign)
    assert rates.sizes == {"rate": 2, "model": 1, "dataset": 1, "method": 1, "seed": 2}
    assert float(rates["value"].sel(rate="destructive", seed=cell.seed).squeeze()) == pytest.approx(
        cell.rates["destructive"].value
    )


def test_a_campaign_that_is_still_written(tmp_path):
    path = write_campaign(tmp_path, RECIPES[:2])
    broken = tmp_path / "cells" / f"{RECIPES[0].id}.h5"
    with h5py.File(broken, "r+") as file:
        del file["unlearned/own/is_key_token"]
    made = frames.rates(load_campaign(path, lazy=True))
    assert set(made["method"]) == {RECIPES[1].method} and "is_key_token" in made.attrs["left_out"][0]
    broken.unlink()
    assert len(frames.rates(load_campaign(path, lazy=True))) == len(made)
    (tmp_path / "empty").mkdir()
    assert frames.rates(load_campaign(write_campaign(tmp_path / "empty", [], [Recipe("ga")]))).empty


def test_polars_is_optional(folder):
    table = frames.rates(load_campaign(folder))
    try:
        import polars  # noqa: F401
    except ImportError:
        with pytest.raises(ResultsError, match="pip install polars"):
            frames.to_polars(table)
        return
    assert frames.to_polars(table).shape == table.shape


def test_other_methods_have_no_matrix(tmp_path):
    cell = load_cell(write_cell(tmp_path / "a.h5", Recipe(forget=2, retain=2, attribution="shapley")))
    assert frames.matrix(cell, 0).sizes["removed"] == 0


def test_the_example_notebook_runs_and_was_run(folder, monkeypatch):
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] and cell["outputs"] for cell in cells[1:]), "it shows what it computed"
    monkeypatch.setenv("UNPACT_RESULTS", str(folder))
    names: dict = {}
    for cell in cells:
        exec("".join(cell["source"]), names)  # noqa: S102
    assert len(names["questions"]) == 28
