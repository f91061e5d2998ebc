"""What the torture test does to a campaign: rounds drawn from a seed, damage to its folder, runs that end badly."""
import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from campaign_folder import results_in
from unlearn_runs import assert_none_left, ranks_of
from unpact_program import PATIENCE, Program, environment, kill_session

METHODS = ["ga", "ga_gd", "npo", "npo_gd", "tv", "rmu"]
SEEDS = [3, 4]
CELLS = [f"tiny__tiny__{method}__seed{seed}" for method in METHODS for seed in SEEDS]
OPTIONS = ["--campaign.methods", ",".join(METHODS), "--campaign.seeds", ",".join(map(str, SEEDS)), "--dataset.limit", "3",
           "--unlearn.epochs", "12", "--train.checkpoint_every", "3", "--attribution.save_every", "1"]
OTHERS = [*(["--unlearn.max_steps", str(steps)] for steps in range(4, 12)), ["--judge.threshold", "0.75"], ["--unlearn.learning_rate", "2e-3"],
          ["--judge.threshold", "0.9"]]
STALE_AFTER = 3  # seconds; of claims whose holder is on no machine that answers
GONE = "elsewhere"  # that machine

# A round is a disturbed run, and what was done to the folder before. Decks: every card comes before one comes again.
ENDS = ["kill", "kill_rank", "stop", "terminate", "second_job", "kill", "stop", "kill_rank", "kill", "calm"]
DAMAGES = ["cell", "checkpoint", "lose_cells", "foreign_claim", "result", "baseline", "lose_cells", "page", "failed_record", "plan", "lose_cells",
           "unfinished", "checkpoint", "campaign", "lose_cells", "claim", "checkpoint"]
RANKS = [1, 2, 4, 2]
SETTINGS = ["plain", "others", "plain", "plain", "others"]
WAYS = ["truncate", "flip", "delete", "flip"]


@dataclass(frozen=True)
class Round:
    """All that is drawn. What it hits depends on what lies in the folder then: `which` and `place` are shares of that."""
    number: int
    ranks: int
    end: str
    after: float  # share of the undisturbed duration
    others: int | None  # index into OTHERS
    damage: str
    way: str
    which: float
    place: float

    def __str__(self) -> str:
        settings = "" if self.others is None else f" with {' '.join(OTHERS[self.others])}"
        return (f"round {self.number}: {self.damage} ({self.way} {self.which:.2f} {self.place:.2f}), then {self.ranks} rank(s){settings}, "
                f"{self.end} after {self.after:.2f}")


def dealt(rng: random.Random, cards: list) -> Iterator:
    while True:
        yield from rng.sample(cards, len(cards))


def rounds(seed: int, count: int) -> list[Round]:
    """The same for a seed; a longer list begins with the shorter one."""
    decks = [dealt(random.Random(f"{seed} {number}"), cards) for number, cards in enumerate((RANKS, ENDS, SETTINGS, DAMAGES, WAYS))]
    rng = random.Random(seed)
    drawn = []
    for number in range(count):
        ranks, end, settings, damage, way = map(next, decks)
        which = rng.randrange(len(OTHERS))
        drawn.append(Round(number, ranks, end, rng.uniform(0.02, 0.5), which if settings == "others" else None, damage, way, rng.random(),
                           rng.random()))
    return drawn


# The folder.

def chosen(files: list[Path], share: float) -> Path | None:
    return sorted(files)[int(share * len(files))] if files else None


def spoil(file: Path, way: str, place: float) -> str:
    """Cuts a file, changes a bit or removes it."""
    content = bytearray(file.read_bytes())
    at = int(place * len(content))
    if way == "delete" or not content:
        file.unlink()
        return f"removed {file.name}"
    if way == "truncate":
        del content[at:]
    else:
        content[at] ^= 1 << int(place * 800) % 8
    file.write_bytes(content)
    return f"{'cut' if way == 'truncate' else 'bit changed in'} {file.parent.name}/{file.name} at {at}"


def plant_claim(folder: Path, cell: str) -> str:
    """The claim of a job on a machine that is gone."""
    claims = folder / "claims"
    claims.mkdir(parents=True, exist_ok=True)
    generation = 1 + max((int(path.name.rpartition(".")[2]) for path in claims.glob(f"{cell}.claim.*")), default=0)
    said = {"host": GONE, "job": "", "restart": 0, "run": "0123456789abcdef", "pid": 4711, "process": "another boot", "beat": 7, "step": 0,
            "started": "2026-01-31T12:00:00Z", "stage": "unlearn"}
    (claims / f"{cell}.claim.{generation}").write_text(json.dumps(said) + "\n")
    return f"claim {generation} of a machine that is gone on {cell}"


def plant_failure(folder: Path, cell: str, fingerprint: str) -> str:
    (folder / "cells").mkdir(parents=True, exist_ok=True)
    record = {"cell_id": cell, "fingerprint": fingerprint, "problem": "the torture test says so", "reason": "none", "hint": "none",
              "when": "2026-01-31T12:00:00Z", "run": "0123456789abcdef", "where": f"{GONE}, rank 0"}
    (folder / "cells" / f"{cell}.failed.json").write_text(json.dumps(record))
    return f"{cell} recorded as failed"


def plant_unfinished(folder: Path, cell: str) -> str:
    """Pages of something else, also of the target's answers."""
    for unfinished in (folder / "cells" / f"{cell}.unfinished", folder / "baselines/tiny__tiny.unfinished"):
        unfinished.mkdir(parents=True, exist_ok=True)
        (unfinished / "fingerprint.txt").write_text("0" * 64 + "\n")
        (unfinished / "unlearned_answers-0.page").write_bytes(b"no page")
    return f"unfinished folders of {cell} and of the target"


def lose_cells(folder: Path, most: float) -> str:
    """Removes results, from a few of the first to all."""
    files = sorted(folder.glob("cells/*.h5")) + sorted(folder.glob("other/*.h5"))
    lost = files[:int(2 * most * len(files))]
    for path in lost:
        path.unlink()
    return f"{len(lost)} results removed"


SPOILT = {"cell": "cells/*.h5", "checkpoint": "training/*/step-*/*", "baseline": "baselines/*.h5", "page": "*/*.unfinished/*.*", "plan": "plan.json",
          "campaign": "campaign.h5", "claim": "claims/*.claim.*", "result": "[co]*/*.h5"}


def damage(folder: Path, drawn: Round, fingerprints: dict[str, str]) -> str:
    """@param fingerprints of the planned cells. @return what was done."""
    results = results_in(folder)
    cell = CELLS[int(drawn.which * len(CELLS))]
    missing = [cell for cell, fingerprint in fingerprints.items() if (cell, fingerprint) not in results]
    if drawn.damage == "foreign_claim":  # on what is still to be made: nobody looks at the claim on a finished cell
        return plant_claim(folder, missing[int(drawn.which * len(missing))]) if missing else "nothing"
    if drawn.damage == "failed_record":
        broken = chosen(list((folder / "cells").glob("*.failed.json")), drawn.which)
        return spoil(broken, drawn.way, drawn.place) if broken else plant_failure(folder, cell, fingerprints[cell])
    if drawn.damage == "unfinished":
        return plant_unfinished(folder, cell)
    if drawn.damage == "lose_cells":
        return lose_cells(folder, drawn.which)
    file = chosen(list(folder.glob(SPOILT[drawn.damage])), drawn.which) if drawn.damage in SPOILT else None
    return spoil(file, drawn.way, drawn.place) if file else "nothing"


# Runs.

class Torturer:
    """Runs the campaign of 12 cells in a folder, in sessions of their own."""

    def __init__(self, unpact: Program, home: Path, scratch: Path) -> None:
        self.unpact, self.home, self.scratch = unpact, home, scratch
        scratch.mkdir()

    def start(self, folder: Path, ranks: int, *more: object) -> subprocess.Popen:
        # A killed mpirun leaves files behind: they shall lie where the test's own do.
        places = {"OMPI_MCA_orte_tmpdir_base": str(self.scratch), "OMPI_MCA_btl_vader_backing_directory": str(self.scratch)}
        command = self.unpact.command("reproduce", "--config", self.home / "configs/tiny.ini", "--output", folder, *OPTIONS, *more, ranks=ranks)
        log = (self.scratch / "said.log").open("a")
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        return subprocess.Popen(command, env=environment(**places), stdout=log, stderr=log, start_new_session=True)

    def wait(self, running: subprocess.Popen, seconds: float = PATIENCE) -> int | None:
        """The exit code; nothing while it runs on."""
        try:
            return running.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self, running: subprocess.Popen) -> int:
        code = self.wait(running)
        if code is None:
            kill_session(running.pid)
            running.wait()
        assert code is not None, f"a run hangs:\n{self.said()}"
        assert_none_left(self.unpact, running.pid)
        return code

    def said(self, since: int = -6000) -> str:
        return (self.scratch / "said.log").read_text(errors="replace")[since:]

    def stood_still(self, since: int) -> bool:
        """Whether a run was held up for so long that it lost a claim: then it stops as if it was asked to."""
        return "this process stood still for so long" in self.said(since)

    def calm(self, folder: Path, ranks: int, *more: object) -> int:
        return self.end(self.start(folder, ranks, *more))

    def disturb(self, folder: Path, drawn: Round, duration: float) -> tuple[str, list[int]]:
        """One run and how it ends. @return whether the disturbance came in time, and the exit codes."""
        options = ["--campaign.stale_after", STALE_AFTER, *(OTHERS[drawn.others] if drawn.others is not None else [])]
        running = self.start(folder, drawn.ranks, *options)
        if drawn.end == "calm":
            return "in peace", [self.end(running)]
        if drawn.end == "stop":
            self.wait_for_handlers(running, drawn.ranks)
        code = self.wait(running, drawn.after * duration)
        if code is not None:
            return "ended before", [self.end(running)]
        if drawn.end == "second_job":
            other = self.start(folder, 1 + int(drawn.which * 2), *options)
            return "both ended", [self.end(running), self.end(other)]
        DISTURB[drawn.end](self, running, drawn)
        return "disturbed", [self.end(running)]

    def wait_for_handlers(self, running: subprocess.Popen, ranks: int) -> None:
        """Before that, a signal that asks ends a process like any other."""
        end = time.monotonic() + PATIENCE
        while running.poll() is None and time.monotonic() < end:
            if sum(catches(rank, signal.SIGUSR1) for rank in ranks_of(self.unpact.binary, running.pid)) == ranks:
                return
            time.sleep(0.01)

    def send(self, running: subprocess.Popen, share: float, number: signal.Signals) -> None:
        """To one of the ranks that are there."""
        ranks = ranks_of(self.unpact.binary, running.pid)
        try:
            if ranks:
                os.kill(ranks[int(share * len(ranks))], number)
        except ProcessLookupError:
            pass


DISTURB: dict[str, Callable[[Torturer, subprocess.Popen, Round], None]] = {
    "kill": lambda torturer, running, drawn: kill_session(running.pid),
    "kill_rank": lambda torturer, running, drawn: torturer.send(running, drawn.place, signal.SIGKILL),
    "stop": lambda torturer, running, drawn: torturer.send(running, drawn.place, signal.SIGUSR1),
    "terminate": lambda torturer, running, drawn: running.terminate(),
}


def catches(process: int, number: signal.Signals) -> bool:
    try:
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return bool(caught and int(caught[1], 16) >> (number - 1) & 1)


def allowed_codes(end: str, how: str) -> set[int]:
    """0 and 2 aside: what a disturbance makes of a run. mpirun says 128 and the signal."""
    if how != "disturbed":
        return set()
    by_signal = {number: {-number, 128 + number} for number in (signal.SIGKILL, signal.SIGTERM)}
    return {"kill": by_signal[signal.SIGKILL], "kill_rank": by_signal[signal.SIGKILL], "stop": {75},
            "terminate": by_signal[signal.SIGTERM] | {1}}.get(end, set())
