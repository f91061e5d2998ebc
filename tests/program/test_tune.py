"""`unpact attribute --tune`: the grid of KeyToken floors."""
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import BASELINE, FOCUS, FORGET, Program, write_dataset, write_json

Tool = Callable[..., subprocess.CompletedProcess]
GRID = ["--attribution.tune_alphas", "0:0.6:0.1", "--attribution.tune_betas", "0, 0.1, 0.24, 0.5, 1"]


def test_tune_by_effect_is_what_asking_again_gives(unpact: Program, home: Path, target: Path, tmp_path: Path, results_tool: Tool) -> None:
    """The grid's cost and mean number of KeyTokens follow from the contributions of an ordinary run."""
    ended = unpact.well("attribute", "--tune", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", "--attribution.tune_objective", "effect",
                        *GRID, ranks=2)
    assert "Best: alpha" in ended.out and "held out" in ended.out
    file = tmp_path / "out/tuning.h5"
    checked = results_tool("validate", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    unpact.well("attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path / "plain")
    with h5py.File(tmp_path / "plain" / BASELINE) as plain, h5py.File(file) as grid:
        assert grid.attrs["objective"] == "effect" and grid.attrs["tuned_prompts"] == 6 and grid.attrs["held_out_prompts"] == 6
        group = plain["target/gold/contributions"]
        values, offsets = group["values"][:].astype(float), group["offsets"][:].astype(int)
        rows = [values[a:b] for a, b in zip(offsets, offsets[1:])]
        for half, first in (("tuned", 0), ("held_out", 1)):
            for i, alpha in enumerate(grid["alpha"][:]):
                for j, beta in enumerate(grid["beta"][:]):
                    flags = [(row >= alpha * row.max()) & (row >= beta) for row in rows[first::2]]
                    assert grid[f"{half}/key_tokens"][i, j] == pytest.approx(np.mean([f.sum() for f in flags]))
                    assert grid[f"{half}/cost"][i, j] == pytest.approx(np.mean([f.mean() for f in flags]))
                    assert grid[f"{half}/without_key_tokens"][i, j] == sum(not f.any() for f in flags)
                    effect = grid[f"{half}/effect"][i, j]
                    assert 0 <= effect <= 1 and grid[f"{half}/objective"][i, j] == pytest.approx(effect - grid[f"{half}/cost"][i, j])
        best = np.argwhere(np.isclose(grid["tuned/objective"][:], grid["tuned/objective"][:].max()))
        chosen = [list(grid["alpha"][:]).index(grid.attrs["best_alpha"]), list(grid["beta"][:]).index(grid.attrs["best_beta"])]
        assert chosen in best.tolist()


def test_tune_by_labels_finds_the_labelled_words(unpact: Program, home: Path, target: Path, tmp_path: Path, results_tool: Tool) -> None:
    data = write_dataset(tmp_path / "data")
    labelled = [{"question": q, "answer": a, "keys": [q.rstrip("?").split(" of ")[-1].split(" in ")[-1]]} for q, a in FORGET]
    write_json(data / "focus/focus_qa.json", FOCUS + labelled)
    unpact.well("attribute", "--tune", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", "--dataset.path", data, *GRID)
    assert results_tool("validate", tmp_path / "out/tuning.h5").returncode == 0
    with h5py.File(tmp_path / "out/tuning.h5") as grid:
        assert grid.attrs["objective"] == "labels"
        precision, recall, f1 = (grid[f"tuned/{name}"][:] for name in ("precision", "recall", "objective"))
        assert f1.max() > 0 and recall[0, 0] >= recall[-1, -1]
        both = precision + recall > 0
        assert f1[both] == pytest.approx((2 * precision * recall / (precision + recall + (~both)))[both])
    write_json(data / "focus/focus_qa.json", [{"question": "Who?", "answer": "me", "keys": ["nobody"]}] * 2)
    ended = unpact("attribute", "--tune", "--config", home / "configs/tiny.ini", "--output", tmp_path / "bad", "--dataset.path", data)
    assert ended.code == 1 and "'nobody' is not in its question" in ended.message()
