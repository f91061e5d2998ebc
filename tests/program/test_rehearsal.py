"""The study's whole matrix with small cousins of its models: configs/rehearsal.ini, killed half way and started again with another
number of ranks. Skipped without the test data (published tokenizers, MUSE-News, a slice of MMLU)."""
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import h5py
import pytest
from unpact_program import ROOT, Program, cells_of, environment, kill_session

Tool = Callable[..., subprocess.CompletedProcess]
MODELS, DATASETS = ("llama2-7b", "llama3.1-8b-instruct", "qwen3-14b"), ("muse-news", "muse-books", "wmdp-bio", "wmdp-cyber")
PATIENCE = 1500  # seconds for everything; a minute or two on two free cores


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = os.environ.get("UNPACT_TEST_DATA")
    if not data or not all((Path(data) / name).is_dir() for name in ("tokenizers/llama2", "muse-news", "mmlu-slice")):
        pytest.skip("no test data: UNPACT_TEST_DATA names no folder with tokenizers, muse-news and mmlu-slice")
    folder = tmp_path_factory.mktemp("rehearsal")
    subprocess.run([sys.executable, ROOT / "scripts/rehearsal_inputs.py", "--data", data, "--out", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def finished(unpact: Program, place: Path, methods: list[str]) -> Path:
    """Two ranks until half of the cells are there; then SIGKILL to all, and one rank for the rest."""
    out = place / "out"
    command = ("reproduce", "--config", place / "configs/rehearsal.ini", "--output", out)
    end = time.monotonic() + PATIENCE
    half = len(MODELS) * len(DATASETS) * len(methods) // 2
    with (place / "first.log").open("w") as log:
        first = subprocess.Popen(unpact.command(*command, ranks=2), env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)
        try:
            while len(cells_of(out)) < half:
                assert first.poll() is None and time.monotonic() < end, (place / "first.log").read_text()
                time.sleep(0.2)
        finally:
            kill_session(first.pid)
            first.wait()
    before = {name: file.stat().st_mtime_ns for name, file in cells_of(out).items()}
    assert half <= len(before) < 2 * half
    second = subprocess.run(unpact.command(*command), env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=max(end - time.monotonic(), 1), check=False)
    assert second.returncode == 0, second.stdout + second.stderr
    assert f"{2 * half} cell(s) finished, 0 missing, 0 broken, 0 failed" in second.stdout + second.stderr
    assert before == {name: cells_of(out)[name].stat().st_mtime_ns for name in before}, "what was finished is not done again"
    return out


def test_every_cell_is_finished(finished: Path, methods: list[str]) -> None:
    assert set(cells_of(finished)) == {f"{'__'.join(cell)}__seed42.h5" for cell in product(MODELS, DATASETS, methods)}
    assert {path.name for path in (finished / "models").iterdir() if path.is_dir()} == {
        f"{model}__{dataset}" for model, dataset in product(MODELS[1:], DATASETS[:2])}, "the pairs that make their target"


def test_every_file_is_valid_and_reported(finished: Path, results_tool: Tool, tmp_path: Path, methods: list[str]) -> None:
    checked = results_tool("validate", finished / "campaign.h5", *cells_of(finished).values())
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = results_tool("report", finished, "--out", tmp_path / "report.html")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in (*MODELS, *DATASETS, *methods))


def test_every_cell_went_through_what_its_files_say(finished: Path) -> None:
    probed = 0
    for name, path in cells_of(finished).items():
        with h5py.File(path) as file:
            config = file.attrs["config_resolved"]
            assert file.attrs["judge"].split()[0] == ("choice" if "wmdp" in name else "rouge_l_recall"), name
            assert len(file["training/step"]) == 2, name
            assert ("layer = 9\ntrained_layers = 7,8,9\n" if name.startswith("qwen3") else "layer = 7\ntrained_layers = 5,6,7\n") in config, name
            assert ("examples = 0\n" if "wmdp" in name else "examples = 10\n") in config, name
            probed += len(file["probes/focus_on_key/probed_question"])
    assert probed > 0, "the stage of the probes ran"


def test_every_stage_cost_what_was_planned(finished: Path) -> None:
    """Trainings to the last operation, with the examples that they really drew; what answers decide within 5 % of its bounds."""
    costs, stages = json.loads((finished / "plan.json").read_text())["costs"], 0
    for name, path in cells_of(finished).items():
        planned = {stage["stage"]: stage for stage in costs[name.removesuffix(".h5")]}
        with h5py.File(path) as file:
            for stage, operations in zip(file["work/stage"].asstr()[:], file["work/operations"][:], strict=True):
                low, high = planned[stage]["operations_low"], planned[stage]["operations_high"]
                share = 1e-9 if stage == "unlearn" else 0.05
                assert (1 - share) * low <= operations <= (1 + share) * high, f"{name}, {stage}: {operations} is not in [{low}, {high}]"
                stages += 1
    assert stages == 11 * len(MODELS) * len(DATASETS) * 8
