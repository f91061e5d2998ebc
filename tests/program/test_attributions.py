"""`unpact attribute` with every method: valid files, the same on any number of ranks, comparable."""
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import BASELINE, FORGET, Program, differing

Tool = Callable[..., subprocess.CompletedProcess]
METHODS = ["hierarchical", "word_removal", "in_place_mask", "baseline", "gradient_x_input", "integrated_gradients", "shapley", "lime", "rollout"]
LITTLE = {"integrated_gradients": ["--attribution.steps", "12"], "shapley": ["--attribution.permutations", "6"], "lime": ["--attribution.samples", "16"]}


def small(method: str) -> list[str]:
    """The method with little work; options that it does not heed are refused."""
    return ["--attribution.method", method, "--dataset.limit", "3", *LITTLE.get(method, [])]


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
