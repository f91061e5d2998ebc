"""Signals at bad moments: to all ranks, twice, during a checkpoint, while results are written, and SIGTERM."""
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from unlearn_runs import (DEADLINE, STEPS, arguments, assert_none_left, checkpoints, ranks_of, spawn, start, steps_done, wait_until, weights,
                          with_faults)
from unpact_program import PATIENCE, Ended, Program, assert_same_cells, cells_of

TWO_RANKS = pytest.mark.parametrize("straight", [2], indirect=True, ids=["2_ranks"])


def send(unpact: Program, session: int, number: signal.Signals, *, to_all: bool = True) -> None:
    for rank in ranks_of(unpact.binary, session)[None if to_all else -1:]:
        os.kill(rank, number)


def continues_to_the_same(unpact: Program, given: list[object], ranks: int, folder: Path, expected: Path) -> None:
    ended = unpact.well(*given, ranks=ranks)
    assert "Continuing after step" in ended.out and "damaged" not in ended.err, ended.out + ended.err
    assert weights(folder) == weights(expected)
    assert steps_done(folder) == STEPS


@TWO_RANKS
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("to_all", [True, False], ids=["all", "one"])
def test_signals_make_one_checkpoint(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path, times: int, to_all: bool) -> None:
    if times == 1 and not to_all:
        pytest.skip("test_stopping.py does this")
    ranks, expected = straight
    given = arguments(home, tmp_path, every=0)
    running = start(unpact, given, ranks, 5, tmp_path)
    for _ in range(times):
        send(unpact, running.pid, signal.SIGUSR1, to_all=to_all)
        time.sleep(0.01)
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 75, out + err
    assert err.count("start the same command again") == 1
    assert checkpoints(tmp_path) == [f"step-{steps_done(tmp_path):08d}"]
    continues_to_the_same(unpact, given, ranks, tmp_path, expected)


def saving(folder: Path) -> bool:
    return any((folder / "model.training").glob(".step-*.tmp/*"))


@TWO_RANKS
def test_a_signal_during_a_checkpoint(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path) -> None:
    """Every call that writes takes 30 ms longer, so that the signal comes while a save is under way."""
    ranks, expected = straight
    given = arguments(home, tmp_path, every=10)
    slow = with_faults(unpact, "disk", DISK_FAULT="none", DISK_FOLDER=tmp_path / "model.training", DISK_DELAY=30)
    running = spawn(unpact, given, ranks, slow)
    wait_until(lambda: saving(tmp_path), running)
    send(unpact, running.pid, signal.SIGUSR1)
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 75, out + err
    kept = checkpoints(tmp_path)
    assert kept[-1] == f"step-{steps_done(tmp_path):08d}" and len(kept) == 2 and all(name.startswith("step-") for name in kept), kept
    continues_to_the_same(unpact, given, ranks, tmp_path, expected)


@TWO_RANKS
@pytest.mark.parametrize("to", ["mpirun", "ranks"])
def test_sigterm_during_a_checkpoint(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path, to: str) -> None:
    ranks, expected = straight
    given = arguments(home, tmp_path, every=10)
    slow = with_faults(unpact, "disk", DISK_FAULT="none", DISK_FOLDER=tmp_path / "model.training", DISK_DELAY=30)
    running = spawn(unpact, given, ranks, slow)
    wait_until(lambda: (tmp_path / "model.training/step-00000010").exists() and saving(tmp_path), running)
    if to == "mpirun":
        running.terminate()
    else:
        send(unpact, running.pid, signal.SIGTERM)
    running.communicate(timeout=DEADLINE)
    assert running.returncode not in (0, 75)
    assert_none_left(unpact, running.pid)
    continues_to_the_same(unpact, given, ranks, tmp_path, expected)
    assert not (tmp_path / "model.training").exists()


def test_a_signal_while_results_are_written(unpact: Program, home: Path, reproduce: Callable[..., Ended], tmp_path: Path) -> None:
    """Both ranks write one HDF5 file together when the signal comes: that cell is finished, the next one is not begun."""
    together = ("--campaign.ranks_per_cell", "2", "--campaign.methods", "ga,ga_gd,npo")
    reproduce(tmp_path / "straight", *together, ranks=2)
    out = tmp_path / "out"
    slow = with_faults(unpact, "disk", DISK_FAULT="none", DISK_FOLDER=out / "cells", DISK_DELAY=20)
    given = ["reproduce", "--config", home / "configs/tiny.ini", "--output", out, *together]
    running = spawn(unpact, given, 2, slow)
    wait_until(lambda: any((out / "cells").glob(".*.tmp.*")), running)
    send(unpact, running.pid, signal.SIGUSR1)
    text, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 75, text + err
    assert len(cells_of(out)) == 1 and not list((out / "cells").glob(".*"))
    before = {name: path.stat().st_mtime_ns for name, path in cells_of(out).items()}
    reproduce(out, *together, ranks=2)
    assert {name: path.stat().st_mtime_ns for name, path in cells_of(out).items() if name in before} == before
    assert_same_cells(tmp_path / "straight", out, 3)
    assert re.search(r"1 cell\(s\) finished, 2 missing", text)


def test_a_signal_to_one_group_ends_the_whole_campaign(unpact: Program, home: Path, target: Path, tmp_path: Path, methods: list[str]) -> None:
    """Two groups of one rank; the one without a signal finishes the cell at hand and takes no more."""
    slow = with_faults(unpact, "disk", DISK_FAULT="none", DISK_FOLDER=tmp_path / "cells", DISK_DELAY=50)
    running = spawn(unpact, ["reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path], 2, slow)
    wait_until(lambda: any((tmp_path / "cells").glob(".*.tmp.*")), running)
    send(unpact, running.pid, signal.SIGUSR1, to_all=False)
    text, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 75, text + err
    assert 0 < len(cells_of(tmp_path)) < len(methods)
