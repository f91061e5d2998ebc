"""Fixtures of the end-to-end tests: the binary, a tiny dataset, a tiny Llama that knows it, a finished campaign."""
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from unlearn_runs import STEPS, arguments, steps_done  # noqa: E402
from unpact_program import BASELINE, LLAMA, ROOT, Ended, Program, environment, write_dataset, write_json  # noqa: E402

METHODS = ["ga", "ga_gd", "ga_kl", "npo", "npo_gd", "npo_kl", "tv", "rmu"]


@pytest.fixture(scope="session")
def methods() -> list[str]:
    return METHODS


@pytest.fixture(scope="session")
def unpact() -> Program:
    given = os.environ.get("UNPACT_BINARY")
    candidates = [Path(given)] if given else [ROOT / "build" / preset / "unpact" for preset in ("default", "minimal")]
    for candidate in candidates:
        if candidate.is_file():
            return Program(candidate.resolve())
    pytest.skip(f"the program is not built: no {' or '.join(map(str, candidates))} (set UNPACT_BINARY)")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset, model description and configurations, side by side."""
    folder = tmp_path_factory.mktemp("home")
    write_dataset(folder / "tiny")
    write_json(folder / "llama" / "config.json", LLAMA)
    shutil.copytree(ROOT / "configs" / "methods", folder / "configs" / "methods")
    # RMU's published blocks do not exist in a model of two.
    (folder / "configs/methods/rmu.ini").write_text(
        "[method]\nname = rmu\nforget = rmu\nretain = none\nlayer = 1\ntrained_layers = 0,1\n"
        "trained_weights = mlp.down_proj.weight\nsteering = 20\nretain_weight = 100\nlearning_rate = 1e-2\n")
    (folder / "configs/finetune.ini").write_text(
        "[run]\ndevice = cpu\nthreads = 1\n[model]\nconfig = ../llama\nvocabulary_size = 400\n[dataset]\nname = tiny\npath = ../tiny\n"
        "[finetune]\nloss_on = all\nepochs = 150\nbatch_size = 12\nmicro_batch = 6\nlearning_rate = 1e-2\n")
    (folder / "configs/tiny.ini").write_text(
        "[run]\ndevice = cpu\nthreads = 1\nseed = 3\n[model]\nname = tiny\npath = ../target/model\n[dataset]\nname = tiny\npath = ../tiny\n"
        "[unlearn]\nepochs = 4\nbatch_size = 6\nmicro_batch = 3\nlearning_rate = 3e-3\n[generation]\nmax_new_tokens = 12\n"
        f"[campaign]\nseeds = 3\nmethods = {', '.join(METHODS)}\n")
    return folder


@pytest.fixture(scope="session")
def target(unpact: Program, home: Path) -> Path:
    """A model that answers every question right, made by the job finetune."""
    unpact.well("finetune", "--config", home / "configs/finetune.ini", "--output", home / "target")
    return home / "target" / "model"


@pytest.fixture(scope="session")
def unlearned(unpact: Program, home: Path, target: Path) -> Path:
    """The target after the job unlearn, on two ranks."""
    unpact.well("unlearn", "--config", home / "configs/tiny.ini", "--method", "ga_gd", "--output", home / "unlearned", ranks=2)
    return home / "unlearned" / "model"


@pytest.fixture(scope="session")
def attribute(unpact: Program, home: Path, target: Path) -> Callable[..., Path]:
    """Runs the job attribute; returns the results file."""
    def run(folder: Path, *arguments: object, ranks: int = 1) -> Path:
        unpact.well("attribute", "--config", home / "configs/tiny.ini", "--output", folder, *arguments, ranks=ranks)
        return folder / BASELINE
    return run


@pytest.fixture(scope="session", params=[1, 2], ids=lambda ranks: f"{ranks}_ranks")
def straight(request: pytest.FixtureRequest, unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """A run of the job unlearn that nothing disturbs, and its number of ranks."""
    folder = tmp_path_factory.mktemp("straight")
    unpact.well(*arguments(home, folder), ranks=request.param)
    assert not (folder / "model.training").exists(), "checkpoints go when the result is safe"
    assert steps_done(folder) == STEPS
    return request.param, folder


@pytest.fixture(scope="session")
def reproduce(unpact: Program, home: Path, target: Path) -> Callable[..., Ended]:
    """Runs the tiny campaign into a folder."""
    def run(folder: Path, *arguments: object, ranks: int = 1) -> Ended:
        return unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--output", folder, *arguments, ranks=ranks)
    return run


@pytest.fixture(scope="session")
def campaign(reproduce: Callable[..., Ended], home: Path) -> Path:
    """A finished campaign of all methods on one rank: look, do not touch."""
    reproduce(home / "campaign")
    return home / "campaign"


@pytest.fixture(scope="session")
def results_tool() -> Callable[..., subprocess.CompletedProcess]:
    """python -m unpact_results ..."""
    def run(*arguments: object) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-m", "unpact_results", *map(str, arguments)], capture_output=True, text=True, timeout=300,
                              env=environment(PYTHONPATH=str(ROOT / "analysis")), check=False)
    return run
