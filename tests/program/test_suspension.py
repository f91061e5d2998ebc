"""Ranks that are suspended, as a scheduler does, for longer than the time limit of a collective, and go on."""
import os
import signal
import time
from pathlib import Path

import pytest
from unlearn_runs import arguments, ranks_of, start, steps_done, weights
from unpact_program import PATIENCE, Program

LIMIT = 2  # seconds, of a collective


@pytest.mark.parametrize("straight", [2], indirect=True, ids=["2_ranks"])
@pytest.mark.parametrize("who", ["all", "first", "last", "one_after_the_other"])
def test_suspended_ranks_go_on(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path, who: str) -> None:
    ranks, expected = straight
    running = start(unpact, arguments(home, tmp_path), ranks, 5, tmp_path, ["env", f"UNPACT_COLLECTIVE_TIMEOUT={LIMIT}"])
    processes = ranks_of(unpact.binary, running.pid)
    suspended = {"first": processes[:1], "last": processes[-1:]}.get(who, processes)
    for process in suspended:
        os.kill(process, signal.SIGSTOP)
        if who == "one_after_the_other":
            time.sleep(1.5 * LIMIT)
    done = steps_done(tmp_path)
    time.sleep(2.5 * LIMIT)
    assert steps_done(tmp_path) <= done + 1
    for process in suspended:
        os.kill(process, signal.SIGCONT)
        if who == "one_after_the_other":
            time.sleep(1.5 * LIMIT)
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, out + err
    assert weights(tmp_path) == weights(expected)
