"""One rank of several fails, sleeps or dies inside a collective, cannot write, or computes what is not finite: the job ends
on all of them with one message that names the rank, the step and the cause."""
import re
from pathlib import Path

import pytest
from unlearn_runs import STEPS, arguments, assert_none_left, checkpoints, spawn, steps_done, weights, with_faults
from unpact_program import PATIENCE, Ended, Program

TWO_RANKS = pytest.mark.parametrize("straight", [2], indirect=True, ids=["2_ranks"])
CALL = 60  # of the gathers of weights: some steps into the run


def ended(unpact: Program, given: list[object], ranks: int, wrap: list[str]) -> Ended:
    """Runs to the end, after which no rank is left."""
    running = spawn(unpact, given, ranks, wrap)
    out, err = running.communicate(timeout=PATIENCE)
    assert_none_left(unpact, running.pid)
    return Ended(running.returncode, out, err)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_rank_that_throws(unpact: Program, home: Path, target: Path, tmp_path: Path, rank: int) -> None:
    wrap = with_faults(unpact, "mpi", MPI_FAULT="error", MPI_FAULT_RANK=rank, MPI_FAULT_CALL=CALL)
    done = ended(unpact, arguments(home, tmp_path), 3, wrap)
    assert done.code == 2, done.out + done.err
    assert re.search(rf"step \d+ failed on rank {rank}: .*MPI_Iallgather", done.message()), done.message()


def test_a_rank_that_sleeps(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """It sleeps for ten minutes, longer than this test waits for the end; the others wait for five seconds."""
    wrap = [*with_faults(unpact, "mpi", MPI_FAULT="sleep", MPI_FAULT_RANK=1, MPI_FAULT_CALL=CALL), "UNPACT_COLLECTIVE_TIMEOUT=5"]
    done = ended(unpact, arguments(home, tmp_path), 3, wrap)
    assert done.code == 2, done.out + done.err
    said = done.message()
    assert re.search(r"waited in vain for the others in collective #\d+ \(\w+ of \d+ ", said) and "within 5 s" in said, said
    for waiting in (0, 2):
        assert re.search(r"collective #\d+", (tmp_path / f"logs/rank-000{waiting}.log").read_text()), f"rank {waiting}"


@TWO_RANKS
def test_a_rank_that_dies_inside_a_collective(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path) -> None:
    ranks, expected = straight
    given = arguments(home, tmp_path, every=10)
    wrap = with_faults(unpact, "mpi", MPI_FAULT="kill", MPI_FAULT_RANK=1, MPI_FAULT_CALL=5 * STEPS)
    done = ended(unpact, given, ranks, wrap)
    assert done.code not in (0, 75), done.out + done.err
    assert 10 < steps_done(tmp_path) < STEPS and checkpoints(tmp_path), "it must have come some way"
    assert "Continuing after step" in unpact.well(*given, ranks=ranks).out
    assert weights(tmp_path) == weights(expected)


@TWO_RANKS
@pytest.mark.parametrize(("fault", "said"), [("no_space", "No space left on device"), ("io_error", "Input/output error")])
def test_a_rank_that_cannot_write_its_checkpoint(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path, fault: str,
                                                 said: str) -> None:
    """A save takes about a dozen calls, so that the first one succeeds."""
    ranks, expected = straight
    given = arguments(home, tmp_path, every=10)
    wrap = with_faults(unpact, "disk", DISK_FAULT=fault, DISK_FAULT_RANK=1, DISK_FAULT_CALL=25, DISK_FOLDER=tmp_path / "model.training")
    done = ended(unpact, given, ranks, wrap)
    assert done.code == 2, done.out + done.err
    assert re.search(r"the checkpoint of step \d+ could not be written", done.message()) and "rank 1: " in done.message(), done.message()
    assert said in done.message()
    assert "Continuing after step" in unpact.well(*given, ranks=ranks).out
    assert weights(tmp_path) == weights(expected)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_training_that_overflows(unpact: Program, home: Path, target: Path, tmp_path: Path, ranks: int) -> None:
    done = unpact(*arguments(home, tmp_path, "--method.learning_rate", "1e30"), ranks=ranks)
    assert done.code == 2, done.out + done.err
    assert re.search(r"step \d+ is not finite", done.message()) and "the gradient of model." in done.message(), done.message()
    assert not (tmp_path / "model").exists(), "a model that was never made"
