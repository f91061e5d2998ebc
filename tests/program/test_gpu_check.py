"""scripts/gpu-check from end to end, without a GPU: a bundle's folder made of the build's program, a small shape on the CPU."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from unpact_program import ROOT, Program, environment


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, unpact: Program) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    for script in ("gpu-check", "random_checkpoint.py"):
        shutil.copy(ROOT / "scripts" / script, folder)
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "environment").write_text(f"export PATH={unpact.binary.parent}:$PATH UNPACT_PYTHON={sys.executable}\n")
    return folder


def check(bundle: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([bundle / "gpu-check", "--device", "cpu", "--skip-tests", "--shape", ROOT / "configs/models/demo",
                           "--steps", "2", *options], capture_output=True, text=True, env=environment(), timeout=300)


def test_a_cell_of_a_given_shape_runs_and_is_shown_beside_its_plan(bundle: Path):
    ended = check(bundle, "--layers", "2")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "all passed" in ended.stdout and "Planned beside measured" in ended.stdout
    cells = list((bundle / "results/gpu-check/cell/cells").glob("*.h5"))
    assert [cell.name for cell in cells] == ["random__demo__npo_kl__seed1.h5"]
    with h5py.File(cells[0]) as file:
        stages = [stage.decode() for stage in file["work/stage"][:]]
    assert "unlearn" in stages and len(stages) > 1
    assert not (bundle / "results/gpu-check/model").exists(), "the random weights are not left behind"


def test_what_fails_is_said_at_the_end(bundle: Path):
    ended = check(bundle, "--layers", "2", "--method", "no_such_method")
    assert ended.returncode == 1
    assert "no_such_method" in ended.stdout + ended.stderr and "failed: the plan" in ended.stdout


@pytest.mark.parametrize("option", [["--depth", "2"], ["--steps"]])
def test_a_wrong_option_is_refused_before_anything_runs(bundle: Path, option: list[str]):
    ended = subprocess.run([bundle / "gpu-check", *option], capture_output=True, text=True, env=dict(os.environ))
    assert ended.returncode == 1 and ended.stderr.startswith("error: ") and ended.stdout == ""
