"""A campaign of 12 cells that is killed, stopped, damaged and changed, again and again, has the numbers of one left in peace.

UNPACT_TORTURE_ROUNDS (30) and UNPACT_TORTURE_SEED (1) say how often and which; scripts/torture sets them. What is done is drawn from
the seed; the moment in which a signal comes is a share of an undisturbed run's duration and decides no verdict."""
import os
import re
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from campaign_folder import OTHER, failures_in, finished_in, is_sealed, litter_in, metrics_of, results_in, table_of, torn_in
from torture import CELLS, DAMAGES, ENDS, Round, Torturer, allowed_codes, damage, rounds
from unpact_program import BASELINE, Program, differing

ROUNDS = int(os.environ.get("UNPACT_TORTURE_ROUNDS", "30"))
SEED = int(os.environ.get("UNPACT_TORTURE_SEED", "1"))
CALM_STALE_AFTER = 5  # seconds; less than a busy machine may stand still would make a calm run lose its own claims
LITTER = re.compile(r"(\.tmp|\.unpact-write-test)\.[^/]+\.\d+$|^claims/[^/]+\.claim\.\d+$|^\.clock-[^/]+-\d+$")  # nobody takes it for results
Tool = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module")
def torturer(unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> Torturer:
    return Torturer(unpact, home, tmp_path_factory.mktemp("torture") / "scratch")


def seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def reference(torturer: Torturer) -> tuple[Path, float]:
    """The folder of an undisturbed run on one rank and how many seconds it computed: those do not grow with what else the machine does."""
    folder = torturer.scratch.parent / "reference"
    began = seconds_of_children()
    assert torturer.calm(folder, 1) == 0, torturer.said()
    duration = seconds_of_children() - began
    assert sorted(table_of(folder)) == sorted(CELLS)
    return folder, duration


def play(torturer: Torturer, folder: Path, drawn: Round, reference: Path, duration: float) -> None:
    """One round, and what must hold behind each."""
    done = damage(folder, drawn, {cell: row["fingerprint"] for cell, row in table_of(reference).items()})
    before, torn, litter = results_in(folder), torn_in(folder), litter_in(folder)
    began, said = time.monotonic(), len(torturer.said(0))
    how, codes = torturer.disturb(folder, drawn, duration)
    after = results_in(folder)
    print(f"{drawn}\n  {done}; {how}, exit {codes}, {len(after)} results, {time.monotonic() - began:.1f} s", flush=True)
    for code in codes:
        allowed = {0, 2} | allowed_codes(drawn.end, how) | ({75} if torturer.stood_still(said) else set())
        assert code in allowed, f"{drawn}: exit code {code}\n{torturer.said()}"
        assert code != 2 or failures_in(folder), f"{drawn}: exit code 2, but no cell is recorded as failed\n{torturer.said()}"
    assert codes != [0] or finished_in(folder).keys() == set(CELLS), f"{drawn}: exit code 0 without all results\n{torturer.said()}"
    assert before <= after, f"{drawn}: results are lost\n{torturer.said()}"
    assert torn_in(folder) <= torn, f"{drawn}: a file under its final name is not whole"
    assert not set(codes) <= {0, 2, 75} or litter_in(folder) <= litter, f"{drawn}: only what is killed leaves claims and temporary files"


def assert_as_undisturbed(folder: Path, reference: Path) -> None:
    expected, found = table_of(reference), table_of(folder)
    finished = finished_in(folder)
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


def end_in_peace(torturer: Torturer, folder: Path) -> list[int]:
    """Of damaged checkpoints none may be whole: then the first run says so and sets them aside, and the second begins anew."""
    codes: list[int] = []
    for _ in range(3):
        said = len(torturer.said(0))
        codes.append(torturer.calm(folder, 2, "--retry-failed", "--campaign.stale_after", CALM_STALE_AFTER))
        if codes[-1] == 0:
            return codes
        assert codes in ([2], [75, 2]) or (codes[-1] == 75 and torturer.stood_still(said)), f"exit {codes}\n{torturer.said()}"
    raise AssertionError(f"exit {codes}\n{torturer.said()}")


def test_numbers_survive_torture(torturer: Torturer, reference: tuple[Path, float], results_tool: Tool) -> None:
    expected, duration = reference
    folder = torturer.scratch.parent / "tortured"
    print(f"\nseed {SEED}, {ROUNDS} rounds; undisturbed it computes {duration:.1f} s; {folder}")
    for drawn in rounds(SEED, ROUNDS):
        play(torturer, folder, drawn, expected, duration)
    litter = litter_in(folder)
    codes = end_in_peace(torturer, folder)
    print(f"at last: exit {codes}; left of killed runs: {sorted(litter_in(folder))}", flush=True)
    assert_as_undisturbed(folder, expected)
    assert litter_in(folder) <= litter and all(LITTER.search(name) for name in litter), litter
    assert not [*folder.glob("*/*.unfinished")]
    checked = results_tool("validate", folder / "campaign.h5", *[folder / str(row["file"]) for row in finished_in(folder).values()])
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_rounds_are_those_of_the_seed() -> None:
    assert rounds(7, 30)[:12] == rounds(7, 12) != rounds(8, 12)
    assert {drawn.end for drawn in rounds(7, len(ENDS))} == set(ENDS) and {drawn.damage for drawn in rounds(7, len(DAMAGES))} == set(DAMAGES)
