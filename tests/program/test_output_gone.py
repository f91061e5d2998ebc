"""Nobody reads what the program says any more, or never did: the work goes on, and no file gets messages into it."""
import subprocess
from pathlib import Path

import pytest
from unpact_program import PATIENCE, Program, assert_same_cells, cells_of, environment

ONE_CELL = ["--campaign.methods", "ga", "--unlearn.max_steps", "1", "--dataset.limit", "2", "--probe.use", ""]


def reproduce(home: Path, folder: Path) -> list[object]:
    return ["reproduce", "--config", home / "configs/tiny.ini", "--output", folder, *ONE_CELL]


@pytest.fixture(scope="module")
def expected(unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expected")
    unpact.well(*reproduce(home, folder))
    return folder


def log_of(folder: Path) -> str:
    return (folder / "logs/rank-0000.log").read_text()


def assert_went_on(folder: Path, expected: Path) -> None:
    assert_same_cells(folder, expected, 1)
    assert "1 cell(s) finished, 0 missing, 0 broken" in log_of(folder)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away(unpact: Program, home: Path, expected: Path, tmp_path: Path, stream: str) -> None:
    """As `reproduce | head -1`, and the same of standard error, which is closed at once."""
    running = subprocess.Popen(unpact.command(*reproduce(home, tmp_path)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=environment())
    if stream == "stdout":
        assert "unpact campaign in" in running.stdout.readline()
        running.stdout.close()
        said = running.stderr.read()
    else:
        running.stderr.close()
        said = ""
        assert "cell(s) finished" in running.stdout.read()
    assert running.wait(timeout=PATIENCE) == 0, said
    assert "error" not in said
    assert_went_on(tmp_path, expected)


# Behind mpirun each rank has a reader of its own: Open MPI's mpirun ends a job itself after ten writes that nobody read.
@pytest.mark.parametrize("reader", ['set -o pipefail; "$@" | head -1', 'exec "$@" 2> >(true)'])
def test_readers_of_two_ranks_that_go_away(unpact: Program, home: Path, expected: Path, tmp_path: Path, reader: str) -> None:
    ended = unpact(*reproduce(home, tmp_path), ranks=2, wrap=["bash", "-c", reader, "bash"])
    assert ended.code == 0 and "error" not in ended.err, ended.err
    assert "unpact campaign in" in ended.out
    assert_went_on(tmp_path, expected)


@pytest.mark.parametrize("ranks", [1, 2])
def test_streams_that_are_closed_from_the_start(unpact: Program, home: Path, expected: Path, tmp_path: Path, ranks: int) -> None:
    ended = unpact(*reproduce(home, tmp_path), ranks=ranks, wrap=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"])
    assert ended.code == 0, ended.err
    assert_same_cells(tmp_path, expected, 1)
    assert "1 cell(s) finished" in log_of(tmp_path)
    assert all(b"Cell tiny" not in path.read_bytes() for path in cells_of(tmp_path).values())


def test_only_the_first_lines_of_a_help_text(unpact: Program) -> None:
    done = subprocess.run(["bash", "-c", 'set -o pipefail; "$0" ask --help | head -1', str(unpact.binary)], capture_output=True, text=True,
                          timeout=PATIENCE, env=environment(), check=False)
    assert done.returncode == 0 and done.stdout.count("\n") == 1 and done.stderr == ""


def test_data_that_did_not_come_out_are_an_error(unpact: Program, target: Path) -> None:
    """Answers are a job's result: that nobody got them is said, whether the disk was full or the reader gone."""
    for wrap in (["sh", "-c", 'exec "$@" >&-', "sh"], ["sh", "-c", 'exec "$@" >/dev/full', "sh"]):
        ended = unpact("ask", "--model", target, "--device", "cpu", "--prompt", "Who?", "--generation.max_new_tokens", "1", wrap=wrap)
        assert ended.code == 2, ended.err
        assert "cannot be written" in ended.message()


def test_a_full_disk_below_standard_output_is_still_an_error(unpact: Program, home: Path, expected: Path, tmp_path: Path) -> None:
    ended = unpact(*reproduce(home, tmp_path), wrap=["sh", "-c", 'exec "$@" >/dev/full', "sh"])
    assert ended.code == 2 and "standard output cannot be written" in ended.message()
    assert_same_cells(tmp_path, expected, 1)
