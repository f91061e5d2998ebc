"""`unpact attribute` with every method: valid files, the same on any number of ranks, resumed after SIGKILL, tuned."""
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import FOCUS, FORGET, PATIENCE, Program, differing, environment, kill_session, write_dataset, write_json

Tool = Callable[..., subprocess.CompletedProcess]
METHODS = ["hierarchical", "in_place_mask", "baseline", "gradient_x_input", "integrated_gradients", "shapley", "lime", "rollout"]
LITTLE = {"integrated_gradients": ["--attribution.steps", "12"], "shapley": ["--attribution.permutations", "6"], "lime": ["--attribution.samples", "16"]}
BASELINE = "baselines/tiny__tiny.h5"


def small(method: str) -> list[str]:
    """The method with little work; options that it does not heed are refused."""
    return ["--attribution.method", method, "--dataset.limit", "3", *LITTLE.get(method, [])]


@pytest.fixture(scope="module")
def attribute(unpact: Program, home: Path, target: Path) -> Callable[..., Path]:
    """Runs the job; returns the results file."""
    def run(folder: Path, *arguments: object, ranks: int = 1) -> Path:
        unpact.well("attribute", "--config", home / "configs/tiny.ini", "--output", folder, *arguments, ranks=ranks)
        return folder / BASELINE
    return run


@pytest.mark.parametrize("method", METHODS)
def test_every_method_writes_a_valid_file_that_does_not_depend_on_the_ranks(method: str, attribute: Callable[..., Path], tmp_path: Path,
                                                                           results_tool: Tool) -> None:
    files = [attribute(tmp_path / f"n{ranks}", *small(method), ranks=ranks) for ranks in (1, 3)]
    checked = results_tool("validate", files[0])
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert differing(*files) == []
    with h5py.File(files[0]) as file:
        assert file.attrs["attribution_method"] == method
        settings = json.loads(file.attrs["attribution_settings"])
        assert settings.get("steps", "12") == "12" and settings.get("permutations", "6") == "6" and settings.get("samples", "16") == "16"
        gold = file["target/gold"]
        values = gold["contributions/values"][:]
        assert len(values) > 20 and np.ptp(values) > 0
        assert len(gold["log_probabilities/values"]) == 0
        assert len(gold["standard_errors/values"]) == (len(values) if method in ("shapley", "hierarchical") else 0)
        assert np.all(np.isnan(gold["completeness_error"][:])) == (method != "integrated_gradients")
        assert np.all(np.isnan(gold["surrogate_r2"][:])) == (method != "lime")
        assert np.all(gold["mean_log_probability"][:] <= 0)
        assert gold["contributions/values"].attrs["unit"] == ("1" if method == "rollout" else "nat/token")


def test_methods_and_data_sets_can_be_compared(unpact: Program, attribute: Callable[..., Path], tmp_path: Path, results_tool: Tool) -> None:
    folders = [tmp_path / name for name in ("leave_one_out", "shapley", "integrated_gradients")]
    for folder in folders:
        file = attribute(folder, *small(folder.name))
        said = unpact.well("inspect", "results", file).out
        assert folder.name in said and "noise could turn" in said
        assert ("completeness error" in said) == (folder.name == "integrated_gradients")
    compared = results_tool("agreement", *folders, "--out", tmp_path / "agreement.html")
    assert compared.returncode == 0 and compared.stdout.count("(n = 6)") == 6, compared.stdout + compared.stderr
    assert "<svg" in (tmp_path / "agreement.html").read_text()
    stable = results_tool("stability", folders[0], "--out", tmp_path / "stability.html")
    assert stable.returncode == 0 and "capitalized word" in stable.stdout, stable.stdout + stable.stderr


def test_a_file_says_what_it_cost_and_how_far_it_was_verified(attribute: Callable[..., Path], unpact: Program, home: Path, unlearned: Path, tmp_path: Path,
                                                              results_tool: Tool) -> None:
    """The baseline knows its target's verification, a cell both models'."""
    unpact.well("evaluate", "--config", home / "configs/tiny.ini", "--output", tmp_path, "--unlearned", unlearned, "--attribution.verify", "3", ranks=2)
    cell = next((tmp_path / "cells").glob("*.h5"))
    checked = results_tool("validate", tmp_path / BASELINE, cell)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for path, models in ((tmp_path / BASELINE, ["target"]), (cell, ["target", "unlearned"])):
        with h5py.File(path) as file:
            table = file["verification"]
            assert table["model"].asstr()[:].tolist() == models and table["questions"][:].tolist() == [3] * len(models)
            assert np.all(table["largest_difference"][:] < 2e-5), "nats; float32 sums in another order"
            assert f"verified_{models[-1]}" in json.loads(file.attrs["attribution_settings"])
            peaks = file["work/peak_memory"][:]
            assert np.all(peaks > 2**24), "bytes: the program with LibTorch is larger than 16 MiB"
            assert np.all(peaks < 2**40)
    plain = attribute(tmp_path / "plain")
    with h5py.File(plain) as file:
        assert len(file["verification/model"]) == 0 and "verified_target" not in json.loads(file.attrs["attribution_settings"])


def test_hierarchical_is_exact_where_it_says_so_and_labelled_inexact(attribute: Callable[..., Path], unpact: Program, target: Path, tmp_path: Path) -> None:
    exact, coarse, full = (attribute(tmp_path / name, "--attribution.method", method, *keep) for name, method, keep in (
        ("exact", "leave_one_out", []), ("coarse", "hierarchical", ["--attribution.keep_words", "2"]), ("full", "hierarchical", ["--attribution.keep_words", "99"])))
    with h5py.File(exact) as e, h5py.File(coarse) as c, h5py.File(full) as f:
        for answer in ("gold", "own"):
            wanted, found, whole = (file[f"target/{answer}/contributions/values"][:] for file in (e, c, f))
            alone = c[f"target/{answer}/standard_errors/values"][:] == 0
            assert 0.1 < alone.mean() < 0.9
            np.testing.assert_allclose(whole, wanted, atol=2e-5, err_msg="nats; float32 sums in another order")
            np.testing.assert_allclose(found[alone], wanted[alone], atol=2e-5)
            assert np.all(c[f"target/{answer}/key_token_uncertain/values"][:][~alone] == 1)
            assert np.all(f[f"target/{answer}/standard_errors/values"][:] == 0)
        assert "equal share" in json.loads(c.attrs["attribution_settings"])["inexact"]
    said = unpact.well("inspect", "results", coarse).out
    assert "inexact" in said and "taken out alone" in said
    ask = ["ask", "--model", target, "--prompt", FORGET[0][0], "--attribution.method", "hierarchical", "--attribution.keep_words", "1"]
    assert "(inexact: " in unpact.well(*ask).out
    reply = unpact.well(*ask, "--json").json_lines()[0]
    assert "equal share" in reply["inexact"] and any(reply["target"]["key_token_uncertain"])
    assert "inexact" not in unpact.well(*ask[:5], "--json").json_lines()[0]


def test_shapley_values_sum_to_the_effect_of_the_question(attribute: Callable[..., Path], tmp_path: Path) -> None:
    """The sum over the candidates is LP(prompt) - LP(prompt without its question), whatever the orders."""
    sums = []
    for seed in ("1", "2"):
        with h5py.File(attribute(tmp_path / seed, "--seed", seed, *small("shapley"))) as file:
            group = file["target/gold/contributions"]
            values, offsets = group["values"][:].astype(float), group["offsets"][:].astype(int)
            sums.append([values[a:b].sum() for a, b in zip(offsets, offsets[1:])])
    assert sums[0] == pytest.approx(sums[1], abs=1e-4)


def test_an_unknown_method_or_setting_is_refused(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    for arguments, word in ((["--attribution.method", "magic"], "attribution.method"), (["--attribution.method", "shapley", "--attribution.permutations", "5"], "even"),
                            (["--attribution.method", "baseline", "--attribution.baseline", "zero"], "attribution.baseline"),
                            (["--attribution.method", "baseline", "--attribution.baseline", "400"], "vocabulary"),
                            (["--attribution.save_every", "0"], "attribution.save_every"), (["--attribution.keep_words", "0"], "attribution.keep_words"),
                            (["--attribution.keep_sentences", "-1"], "attribution.keep_sentences"), (["--tune", "--attribution.tune_alphas", "0:2:1"], "attribution.alpha"),
                            (["--attribution.tune_betas", "a"], "attribution.tune_betas")):
        ended = unpact("attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", *arguments)
        assert ended.code == 1 and word in ended.message(), arguments


def test_options_that_the_method_ignores_are_refused(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    run = ["attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out"]
    for arguments, words in ((["--attribution.steps", "12"], ("attribution.steps", "leave_one_out does not heed it", "integrated_gradients")),
                             (["--attribution.method", "shapley", "--attribution.verify", "3"], ("attribution.verify", "shapley does not heed it", "leave_one_out")),
                             (["--attribution.method", "lime", "--attribution.unit", "word"], ("attribution.unit", "lime does not heed it")),
                             (["--attribution.method", "rollout", "--attribution.engine", "reference"], ("attribution.engine", "hierarchical"))):
        ended = unpact(*run, *arguments)
        assert ended.code == 1 and all(word in ended.message() for word in words), arguments
    printed = unpact.well("attribute", "--config", home / "configs/tiny.ini", *small("shapley"), "--print-config").out
    (tmp_path / "printed.ini").write_text(printed)
    assert unpact.well("attribute", "--config", tmp_path / "printed.ini", "--print-config").out == printed, "defaults are nothing that was set"


def test_ask_takes_every_method(unpact: Program, target: Path) -> None:
    for method in METHODS:
        reply = unpact.well("ask", "--model", target, "--prompt", FORGET[0][0], "--json", "--attribution.method", method,
                            *LITTLE.get(method, [])).json_lines()[0]["target"]
        assert sum(c is not None for c in reply["contributions"]) > 5
        assert len(reply["key_token_uncertain"]) == len(reply["contributions"])
        assert all(token["logprob"] <= 0 for token in reply["answer_tokens"])


# --- resume ---------------------------------------------------------------------------------------------------------

ONE_BY_ONE = ["--attribution.save_every", "1"]


def pages_of(folder: Path) -> list[Path]:
    return sorted((folder / "baselines/tiny__tiny.unfinished").glob("*.page"))


def run_until(command: list[str], enough: Callable[[], bool]) -> bool:
    """Starts the program and kills it with SIGKILL as soon as `enough`; returns whether it was still running then."""
    job = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while job.poll() is None and not enough():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return job.poll() is None
    finally:
        kill_session(job.pid)
        job.wait()


@pytest.mark.parametrize("method", ["leave_one_out", "shapley"])
def test_a_killed_job_does_the_rest_with_any_number_of_ranks(method: str, attribute: Callable[..., Path], unpact: Program, home: Path, tmp_path: Path) -> None:
    options = ["--attribution.method", method, *(["--attribution.permutations", "16"] if method == "shapley" else []), *ONE_BY_ONE]
    whole = attribute(tmp_path / "whole", *options)
    folder = tmp_path / "killed"
    chance = random.Random(method)
    killed = 0
    for attempt in range(6):
        wanted = len(pages_of(folder)) + chance.randint(1, 5)
        command = unpact.command("attribute", "--config", home / "configs/tiny.ini", "--output", folder, *options, ranks=1 + attempt % 3)
        alive = run_until(command, lambda: len(pages_of(folder)) >= wanted or (folder / BASELINE).exists())
        killed += alive and not (folder / BASELINE).exists()
        if (folder / BASELINE).exists():
            break
    assert killed >= 2, "otherwise this tests nothing"
    done = len(pages_of(folder))
    ended = unpact.well("attribute", "--config", home / "configs/tiny.ini", "--output", folder, *options, ranks=2)
    if done and killed == attempt + 1:  # else the last one ended before it was killed
        assert "prompts were finished already" in ended.out + ended.err
    assert differing(folder / BASELINE, whole) == []
    assert pages_of(folder) == [] and not (folder / "baselines/tiny__tiny.unfinished").exists()


def test_a_changed_configuration_or_dataset_does_not_use_old_pages(attribute: Callable[..., Path], unpact: Program, home: Path, target: Path,
                                                                  tmp_path: Path) -> None:
    folder = tmp_path / "out"
    data = write_dataset(tmp_path / "data")
    base = ["attribute", "--config", home / "configs/tiny.ini", "--output", folder, "--dataset.path", data, *ONE_BY_ONE]

    def leave_some(*more: object) -> None:
        enough = len(pages_of(folder)) + 3
        assert run_until(unpact.command(*base, *more), lambda: len(pages_of(folder)) >= enough), "it must not have finished"

    leave_some()
    ended = unpact.well(*base, "--attribution.beta", "0.1")
    assert "another configuration, model or dataset" in ended.out + ended.err
    (folder / BASELINE).unlink()
    leave_some()
    pairs = json.loads((data / "knowmem/forget_qa.json").read_text())
    pairs[0]["answer"] = "Someone else"
    write_json(data / "knowmem/forget_qa.json", pairs)
    ended = unpact.well(*base)
    assert "another configuration, model or dataset" in ended.out + ended.err
    with h5py.File(folder / BASELINE) as file:
        assert file["questions/gold_answer"].asstr()[0] == "Someone else"


def cell_pages(folder: Path) -> list[Path]:
    return sorted((folder / "cells").glob("*.unfinished/*.page"))


def cell_files(folder: Path) -> list[Path]:
    return sorted((folder / "cells").glob("*.h5"))


def kill_cell(command: list[str], folder: Path, chance: random.Random) -> bool:
    """Kills a job when it has stored some pages of a cell; whether it was killed before the cell's file was there."""
    wanted = len(cell_pages(folder)) + chance.randint(1, 4)
    alive = run_until(command, lambda: len(cell_pages(folder)) >= wanted or bool(cell_files(folder)))
    return alive and not cell_files(folder)


def test_a_killed_evaluation_does_the_rest_with_any_number_of_ranks(unpact: Program, home: Path, unlearned: Path, tmp_path: Path) -> None:
    base = ["evaluate", "--config", home / "configs/tiny.ini", "--unlearned", unlearned, *ONE_BY_ONE, "--output"]
    unpact.well(*base, tmp_path / "whole")
    folder, chance, killed = tmp_path / "killed", random.Random(5), 0
    for attempt in range(3):
        killed += kill_cell(unpact.command(*base, folder, ranks=1 + attempt), folder, chance)
    assert killed >= 2 and len(cell_pages(folder)) >= 2, "otherwise this tests nothing"
    ended = unpact.well(*base, folder, ranks=2)
    said = ended.out + ended.err
    assert "prompts were finished already" in said and "is not used" not in said
    assert differing(cell_files(folder)[0], cell_files(tmp_path / "whole")[0]) == []
    assert not list((folder / "cells").glob("*.unfinished"))


def test_pages_of_other_weights_are_not_used(unpact: Program, home: Path, unlearned: Path, target: Path, tmp_path: Path) -> None:
    """The configuration says where the unlearned model lies, not what it is: other weights under the same path."""
    place = tmp_path / "model"
    base = ["evaluate", "--config", home / "configs/tiny.ini", "--unlearned", place, *ONE_BY_ONE, "--output", tmp_path / "out"]
    shutil.copytree(unlearned, place)
    assert kill_cell(unpact.command(*base), tmp_path / "out", random.Random(1)), "it must not have finished"
    shutil.copy(target / "model.safetensors", place)
    ended = unpact.well(*base)
    assert "another configuration, model or dataset" in ended.out + ended.err
    with h5py.File(cell_files(tmp_path / "out")[0]) as file:
        for name in ("gold", "own"):
            np.testing.assert_array_equal(file[f"unlearned/{name}/contributions/values"][:], file[f"target/{name}/contributions/values"][:])


def test_a_killed_cell_of_a_campaign_uses_its_pages(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """The unlearning is done again; on one rank it is deterministic, so its weights and pages are the same."""
    base = ["reproduce", "--config", home / "configs/tiny.ini", "--campaign.methods", "ga_gd", *ONE_BY_ONE, "--output"]
    unpact.well(*base, tmp_path / "whole")
    folder = tmp_path / "killed"
    assert kill_cell(unpact.command(*base, folder), folder, random.Random(2)), "it must not have finished"
    ended = unpact.well(*base, folder)
    assert "prompts were finished already" in ended.out + ended.err
    assert differing(cell_files(folder)[0], cell_files(tmp_path / "whole")[0]) == []
    leftover = next((folder / "cells").glob("*.h5")).with_suffix(".unfinished")
    leftover.mkdir()  # as of a job that is killed between the file and the removal of its pages
    unpact.well(*base, folder)
    assert not leftover.exists()


# --- threshold search -----------------------------------------------------------------------------------------------

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
