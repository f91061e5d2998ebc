"""Unlearning that is asked to stop, runs out of time or loses a rank, and continues."""
import os
import signal
import time
from pathlib import Path

from unlearn_runs import DEADLINE, STEPS, arguments, assert_none_left, checkpoints, ranks_of, start, steps_done, weights
from unpact_program import PATIENCE, Program


def test_a_signal_to_one_rank_stops_all_and_the_run_continues(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path) -> None:
    ranks, expected = straight
    given = arguments(home, tmp_path)
    running = start(unpact, given, ranks, 5, tmp_path)
    os.kill(ranks_of(unpact.binary, running.pid)[-1], signal.SIGUSR1)
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 75, out + err
    assert "start the same command again" in err
    kept = checkpoints(tmp_path)
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
    assert_none_left(unpact, running.pid)
    text = unpact.well(*given, ranks=ranks).out
    assert "Continuing after step" in text
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
    given = arguments(home, tmp_path, every=1)
    for kill in range(6):
        running = start(unpact, given, ranks, min(STEPS - 50, 40 * kill + 3), tmp_path)
        time.sleep(0.013 * kill)
        for process in ranks_of(unpact.binary, running.pid):
            os.kill(process, signal.SIGKILL)
        running.communicate(timeout=DEADLINE)
    unpact.well(*given, ranks=ranks)
    assert weights(tmp_path) == weights(expected)
