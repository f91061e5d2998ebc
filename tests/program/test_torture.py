"""A campaign of 12 cells that is killed, stopped, damaged and changed, again and again, has the numbers of one left in peace.

UNPACT_TORTURE_ROUNDS (12) and UNPACT_TORTURE_SEED (1) say how often and which; scripts/torture sets them. What is done is drawn from
the seed; the moment in which a signal comes is a share of an undisturbed run's duration and decides no verdict."""
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from torture import (CELLS, DAMAGES, ENDS, FINISHED, OTHER, Round, Torturer, allowed_codes, claims_in, damage, failures_in, is_of_the_dead, is_sealed,
                     left_behind, metrics_of, results_in, rounds, table_of, torn_in)
from unpact_program import BASELINE, Program, differing

ROUNDS = int(os.environ.get("UNPACT_TORTURE_ROUNDS", "12"))
SEED = int(os.environ.get("UNPACT_TORTURE_SEED", "1"))
CALM_STALE_AFTER = 5  # seconds; less than a busy machine may stand still would make a calm run lose its own claims
TEMPORARY = re.compile(r"\.tmp\.[^/]+\.\d+$|\.unpact-write-test\.[^/]+\.\d+$")
Tool = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module")
def torturer(unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> Torturer:
    return Torturer(unpact, home, tmp_path_factory.mktemp("torture") / "scratch")


@pytest.fixture(scope="module")
def reference(torturer: Torturer) -> tuple[Path, float]:
    """The folder of an undisturbed run and how many seconds it took."""
    folder = torturer.scratch.parent / "reference"
    began = time.monotonic()
    assert torturer.calm(folder, 2) == 0, torturer.said()
    duration = time.monotonic() - began
    assert sorted(table_of(folder)) == sorted(CELLS)
    return folder, duration


def play(torturer: Torturer, folder: Path, drawn: Round, reference: Path, duration: float) -> None:
    """One round, and what must hold behind each."""
    done = damage(folder, drawn, {cell: row["fingerprint"] for cell, row in table_of(reference).items()})
    before, torn = results_in(folder), torn_in(folder)
    began = time.monotonic()
    how, codes = torturer.disturb(folder, drawn, duration)
    after = results_in(folder)
    print(f"{drawn}\n  {done}; {how}, exit {codes}, {len(after)} results, {time.monotonic() - began:.1f} s", flush=True)
    for code in codes:
        assert code in {0, 2} | allowed_codes(drawn.end, how), f"{drawn}: exit code {code}\n{torturer.said()}"
        assert code != 2 or failures_in(folder), f"{drawn}: exit code 2, but no cell is recorded as failed\n{torturer.said()}"
    assert before <= after, f"{drawn}: results are lost\n{torturer.said()}"
    assert torn_in(folder) <= torn, f"{drawn}: a file under its final name is not whole"


def assert_as_undisturbed(folder: Path, reference: Path) -> None:
    expected, found = table_of(reference), table_of(folder)
    finished = {cell: row for cell, row in found.items() if row["state"] == FINISHED}
    assert finished.keys() == set(CELLS), {cell: row for cell, row in found.items() if cell in CELLS}
    assert {row["state"] for cell, row in found.items() if cell not in finished} <= {OTHER}
    assert {cell: row["fingerprint"] for cell, row in finished.items()} == {cell: row["fingerprint"] for cell, row in expected.items()}
    assert {cell: differing(reference / expected[cell]["file"], folder / finished[cell]["file"]) for cell in CELLS} == {cell: [] for cell in CELLS}
    assert metrics_of(folder) == metrics_of(reference)
    with h5py.File(folder / finished[CELLS[0]]["file"]) as file:
        target = file.attrs["baseline_fingerprint"]
    assert target in {fingerprint_of(path) for path in intact_baselines(folder) if differing(path, reference / BASELINE) == []}


def intact_baselines(folder: Path) -> list[Path]:
    return [path for path in folder.glob("baselines/*.h5") if is_sealed(path)]


def fingerprint_of(path: Path) -> str:
    with h5py.File(path) as file:
        return file.attrs["fingerprint"]


def assert_nothing_is_left(folder: Path) -> None:
    """Of a run that ends well nothing is left; of one that was killed files that nobody takes for results, and the claim on what it had just finished."""
    strange = [name for name in left_behind(folder) if not TEMPORARY.search(name)]
    assert strange == []
    print(f"left of killed runs: {len(left_behind(folder))} temporary files, claims: {claims_in(folder)}")
    assert not [claim for claim in claims_in(folder) if not is_of_the_dead(claim)]
    assert not [*folder.glob("*/*.unfinished")]


def test_numbers_survive_torture(torturer: Torturer, reference: tuple[Path, float], results_tool: Tool) -> None:
    expected, duration = reference
    folder = torturer.scratch.parent / "tortured"
    print(f"\nseed {SEED}, {ROUNDS} rounds; undisturbed it takes {duration:.1f} s; {folder}")
    for drawn in rounds(SEED, ROUNDS):
        play(torturer, folder, drawn, expected, duration)
    # Of damaged checkpoints none may be whole: then the first run says so and sets them aside.
    codes = [torturer.calm(folder, 2, "--retry-failed", "--campaign.stale_after", CALM_STALE_AFTER)]
    if codes == [2]:
        codes.append(torturer.calm(folder, 2, "--retry-failed"))
    print(f"at last: exit {codes}")
    assert codes[-1] == 0, torturer.said()
    assert_as_undisturbed(folder, expected)
    assert_nothing_is_left(folder)
    checked = results_tool("validate", folder / "campaign.h5", *[folder / row["file"] for row in table_of(folder).values() if row["state"] == FINISHED])
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_rounds_are_those_of_the_seed() -> None:
    assert rounds(7, 30)[:12] == rounds(7, 12) != rounds(8, 12)
    assert {drawn.end for drawn in rounds(7, len(ENDS))} == set(ENDS) and {drawn.damage for drawn in rounds(7, len(DAMAGES))} == set(DAMAGES)
