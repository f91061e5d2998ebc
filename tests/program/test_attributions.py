"""`unpact attribute` with every method: valid files, the same on any number of ranks, resumed after SIGKILL, tuned."""
import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import FORGET, PATIENCE, Program, differing, environment, kill_session, write_dataset, write_json

Tool = Callable[..., subprocess.CompletedProcess]
METHODS = ["in_place_mask", "baseline", "gradient_x_input", "integrated_gradients", "shapley", "lime", "rollout"]
SMALL = ["--dataset.limit", "3", "--attribution.steps", "12", "--attribution.permutations", "6", "--attribution.samples", "16"]
BASELINE = "baselines/tiny__tiny.h5"


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
    files = [attribute(tmp_path / f"n{ranks}", "--attribution.method", method, *SMALL, ranks=ranks) for ranks in (1, 3)]
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
        assert len(gold["standard_errors/values"]) == (len(values) if method == "shapley" else 0)
        assert np.all(np.isnan(gold["completeness_error"][:])) == (method != "integrated_gradients")
        assert np.all(np.isnan(gold["surrogate_r2"][:])) == (method != "lime")
        assert np.all(gold["mean_log_probability"][:] <= 0)
        assert gold["contributions/values"].attrs["unit"] == ("1" if method == "rollout" else "nat/token")


def test_shapley_values_sum_to_the_effect_of_the_question(attribute: Callable[..., Path], tmp_path: Path) -> None:
    """The sum over the candidates is LP(prompt) - LP(prompt without its question), whatever the orders."""
    sums = []
    for seed in ("1", "2"):
        with h5py.File(attribute(tmp_path / seed, "--attribution.method", "shapley", "--seed", seed, *SMALL)) as file:
            group = file["target/gold/contributions"]
            values, offsets = group["values"][:].astype(float), group["offsets"][:].astype(int)
            sums.append([values[a:b].sum() for a, b in zip(offsets, offsets[1:])])
    assert sums[0] == pytest.approx(sums[1], abs=1e-4)


def test_an_unknown_method_or_setting_is_refused(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    for arguments, word in ((["--attribution.method", "magic"], "attribution.method"), (["--attribution.method", "shapley", "--attribution.permutations", "5"], "even"),
                            (["--attribution.method", "baseline", "--attribution.baseline", "zero"], "attribution.baseline"),
                            (["--attribution.method", "baseline", "--attribution.baseline", "400"], "vocabulary"),
                            (["--attribution.save_every", "0"], "attribution.save_every")):
        ended = unpact("attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", *arguments)
        assert ended.code == 1 and word in ended.message(), arguments


def test_ask_takes_every_method(unpact: Program, target: Path) -> None:
    for method in METHODS:
        reply = unpact.well("ask", "--model", target, "--prompt", FORGET[0][0], "--json", "--attribution.method", method, "--attribution.steps", "8",
                            "--attribution.permutations", "4", "--attribution.samples", "16").json_lines()[0]["target"]
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
    options = ["--attribution.method", method, "--attribution.permutations", "16", *ONE_BY_ONE]
    whole = attribute(tmp_path / "whole", *options)
    folder = tmp_path / "killed"
    chance = random.Random(method)
    killed = 0
    for attempt in range(6):
        wanted = len(pages_of(folder)) + chance.randint(1, 8)
        command = unpact.command("attribute", "--config", home / "configs/tiny.ini", "--output", folder, *options, ranks=1 + attempt % 3)
        alive = run_until(command, lambda: len(pages_of(folder)) >= wanted or (folder / BASELINE).exists())
        killed += alive and not (folder / BASELINE).exists()
        if (folder / BASELINE).exists():
            break
    assert killed >= 2, "otherwise this tests nothing"
    done = len(pages_of(folder))
    ended = unpact.well("attribute", "--config", home / "configs/tiny.ini", "--output", folder, *options, ranks=2)
    if done:
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
