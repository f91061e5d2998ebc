"""Unlearning that is asked to stop, runs out of time or loses a rank, and continues."""
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from unpact_program import PATIENCE, Program, environment

STEPS = 400
DEADLINE = 15  # seconds in which a job with a dead rank must have ended


def arguments(home: Path, folder: Path, *more: str) -> list[object]:
    return ["unlearn", "--config", home / "configs/tiny.ini", "--method", "ga_gd", "--output", folder, "--unlearn.max_steps", str(STEPS),
            "--method.max_steps", str(STEPS), "--unlearn.learning_rate", "1e-5", "--train.checkpoint_every", "25", *more]


def weights(folder: Path) -> bytes:
    return (folder / "model/model.safetensors").read_bytes()


def steps_done(folder: Path) -> int:
    log = folder / "model.train.jsonl"
    return len(log.read_text().splitlines()) if log.exists() else 0


def ranks_of(binary: Path, session: int) -> list[int]:
    """The processes of this program in a session, oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdigit() else []
            if len(fields) > 3 and int(fields[3]) == session and (entry / "exe").resolve() == binary:
                found.append(int(entry.name))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return sorted(found)


def start(unpact: Program, given: list[object], ranks: int, steps: int, folder: Path) -> subprocess.Popen:
    """Starts a run in a session of its own and returns when it has done some steps."""
    running = subprocess.Popen(unpact.command(*given, ranks=ranks), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)
    end = time.monotonic() + PATIENCE
    while steps_done(folder) < steps:
        assert running.poll() is None and time.monotonic() < end, running.communicate()
        time.sleep(0.02)
    return running


@pytest.fixture(scope="module", params=[1, 2], ids=lambda ranks: f"{ranks}_ranks")
def straight(request: pytest.FixtureRequest, unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """A run that nothing disturbs, and its number of ranks."""
    folder = tmp_path_factory.mktemp("straight")
    unpact.well(*arguments(home, folder), ranks=request.param)
    assert not (folder / "model.training").exists(), "checkpoints go when the result is safe"
    assert steps_done(folder) == STEPS
    return request.param, folder


def test_a_signal_to_one_rank_stops_all_and_the_run_continues(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path) -> None:
    ranks, expected = straight
    given = arguments(home, tmp_path)
    running = start(unpact, given, ranks, 5, tmp_path)
    os.kill(ranks_of(unpact.binary, running.pid)[-1], signal.SIGUSR1)
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 75, out + err
    assert "start the same command again" in err
    kept = sorted(path.name for path in (tmp_path / "model.training").iterdir())
    assert kept[-1] == f"step-{steps_done(tmp_path):08d}" and len(kept) <= 2
    unpact.well(*given, ranks=ranks)
    assert weights(tmp_path) == weights(expected)
    assert steps_done(tmp_path) == STEPS


def test_a_dead_rank_ends_the_job_and_the_run_continues(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path) -> None:
    ranks, expected = straight
    given = arguments(home, tmp_path)
    running = start(unpact, given, ranks, 60, tmp_path)
    os.kill(ranks_of(unpact.binary, running.pid)[-1], signal.SIGKILL)
    running.communicate(timeout=DEADLINE)
    assert running.returncode != 0
    assert ranks_of(unpact.binary, running.pid) == []
    text = unpact.well(*given, ranks=ranks).out
    assert "Continuing behind step" in text
    assert weights(tmp_path) == weights(expected)


def test_a_time_limit_stops_the_run(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    ended = unpact(*arguments(home, tmp_path, "--run.time_limit", "0.1"), ranks=2)
    assert ended.code == 75, ended.out + ended.err
    assert steps_done(tmp_path) == 1


def test_checkpoints_of_another_configuration_are_refused(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    unpact(*arguments(home, tmp_path, "--run.time_limit", "0.1"))
    ended = unpact(*arguments(home, tmp_path, "--unlearn.weight_decay", "0.5"))
    assert ended.code == 1
    assert "belongs to another run" in ended.message()


def test_killed_at_random_times_during_saves(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path) -> None:
    """Saving after every step, killed at many moments: the run always continues, and ends with the same bits."""
    ranks, expected = straight
    given = arguments(home, tmp_path, "--train.checkpoint_every", "1")
    given = [item for i, item in enumerate(given) if not (item == "25" or (item == "--train.checkpoint_every" and i < len(given) - 2))]
    for kill in range(6):
        running = start(unpact, given, ranks, min(STEPS - 50, 40 * kill + 3), tmp_path)
        time.sleep(0.013 * kill)
        for process in ranks_of(unpact.binary, running.pid):
            os.kill(process, signal.SIGKILL)
        running.communicate(timeout=DEADLINE)
    unpact.well(*given, ranks=ranks)
    assert weights(tmp_path) == weights(expected)
