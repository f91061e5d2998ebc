"""Every job heeds a signal, its time limit and the end of its Slurm job outside training, too: it leaves off at the next page,
line or cell on all ranks, keeps what is finished, and goes on to the same bits."""
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from unlearn_runs import arguments, spawn, start, steps_done, wait_until, weights, with_faults, ranks_of
from unpact_program import PATIENCE, Ended, Program, assert_same_cells, cells_of, differing, environment

PHRASINGS = " | ".join(f"{{question}} {word} {{keys}}." for word in "Mind Think Heed Note See Weigh Ask Name Hold Seek Take Give".split())
SMALL_PAGES = ("--attribution.save_every", "1", "--probe.phrasings", PHRASINGS)


def slow(unpact: Program, folder: Path, milliseconds: int = 15) -> list[str]:
    """Every call that writes below the folder takes longer, so that a signal comes while pages are made."""
    return with_faults(unpact, "disk", DISK_FAULT="none", DISK_FOLDER=folder, DISK_DELAY=milliseconds)


def catches(process: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1]
    return bool(int(caught, 16) >> (number - 1) & 1)


def signalled(unpact: Program, given: Sequence[object], ranks: int, when: Callable[[], object], wrap: Sequence[object] = (),
              number: signal.Signals = signal.SIGUSR1) -> Ended:
    """A run whose last rank gets a signal."""
    running = spawn(unpact, list(given), ranks, wrap)
    wait_until(lambda: len(ranks_of(unpact.binary, running.pid)) == ranks, running)
    wait_until(lambda: when() and catches(ranks_of(unpact.binary, running.pid)[-1], number), running)
    os.kill(ranks_of(unpact.binary, running.pid)[-1], number)
    out, err = running.communicate(timeout=PATIENCE)
    return Ended(running.returncode, out, err)


def pages(folder: Path, stage: str) -> list[Path]:
    return list(folder.glob(f"*/*.unfinished/{stage}-*.page"))


def at_once() -> bool:
    return True


@pytest.fixture(scope="module")
def baseline(unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    unpact.well("attribute", "--config", home / "configs/tiny.ini", "--output", folder, *SMALL_PAGES)
    return folder / "baselines/tiny__tiny.h5"


@pytest.mark.parametrize(("ranks", "stage"), [(1, "attributions"), (2, "answers"), (3, "attributions"), (4, "answers")])
def test_attribute(unpact: Program, home: Path, baseline: Path, tmp_path: Path, ranks: int, stage: str) -> None:
    given = ["attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path, *SMALL_PAGES]
    ended = signalled(unpact, given, ranks, lambda: pages(tmp_path, stage), slow(unpact, tmp_path / "baselines"))
    assert ended.code == 75, ended.out + ended.err
    assert "of 12 prompts" in ended.message() and "start the same command again" in ended.message()
    assert 0 < len(pages(tmp_path, stage)) < 12 and not (tmp_path / "baselines/tiny__tiny.h5").exists()
    again = unpact.well(*given, ranks=5 - ranks)
    assert "were finished already" in again.out
    assert differing(baseline, tmp_path / "baselines/tiny__tiny.h5") == []


@pytest.mark.parametrize(("ranks", "stage"), [(1, "attributions"), (2, "answers"), (3, "probe_probab")])
def test_a_cell(unpact: Program, home: Path, target: Path, reproduce: Callable[..., Ended], tmp_path: Path, ranks: int, stage: str) -> None:
    """All ranks work on one cell. Its training is repeated; its pages are not, as the weights come out the same."""
    more = (*SMALL_PAGES, "--campaign.methods", "ga", "--campaign.ranks_per_cell", ranks)
    reproduce(tmp_path / "straight", *more, ranks=ranks)
    out = tmp_path / "out"
    given = ["reproduce", "--config", home / "configs/tiny.ini", "--output", out, *more]
    ended = signalled(unpact, given, ranks, lambda: list(out.glob(f"cells/*.unfinished/{stage}-*.page")), slow(unpact, out / "cells"))
    assert ended.code == 75, ended.out + ended.err
    assert "0 cell(s) finished, 1 missing" in ended.out and f"prompts ({stage})" in ended.err, ended.out + ended.err
    assert "were finished already" in reproduce(out, *more, ranks=ranks).out
    assert_same_cells(tmp_path / "straight", out, 1)


def test_evaluate(unpact: Program, home: Path, unlearned: Path, tmp_path: Path) -> None:
    def given(folder: Path) -> list[object]:
        return ["evaluate", "--config", home / "configs/tiny.ini", "--method", "ga_gd", "--unlearned", unlearned, "--output", folder, *SMALL_PAGES]
    unpact.well(*given(tmp_path / "straight"))
    out = tmp_path / "out"
    ended = signalled(unpact, given(out), 2, lambda: list(out.glob("cells/*.unfinished/attributions-*.page")), slow(unpact, out / "cells"))
    assert ended.code == 75, ended.out + ended.err
    assert "were finished already" in unpact.well(*given(out), ranks=2).out
    assert_same_cells(tmp_path / "straight", out, 1)


def test_a_campaign_stops_in_its_baseline(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    given = ["reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path, "--campaign.methods", "ga", *SMALL_PAGES]
    ended = signalled(unpact, given, 2, lambda: pages(tmp_path, "answers"), slow(unpact, tmp_path / "baselines"))
    assert ended.code == 75, ended.out + ended.err
    assert "start the same command again" in ended.out
    unpact.well(*given, ranks=2)


@pytest.mark.parametrize("ranks", [1, 2])
def test_ask_prints_what_it_has(unpact: Program, target: Path, tmp_path: Path, ranks: int) -> None:
    lines = [json.dumps({"prompt": f"Who painted boat {number}?", "answer": "Jon"}) for number in range(400)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    given = ["ask", "--model", target, "--input", tmp_path / "in.jsonl", "--json", "--generation.max_new_tokens", "1",
             "--attribution.method", "rollout", "--device", "cpu"]
    out = tmp_path / "out.jsonl"
    with out.open("w") as file:
        running = subprocess.Popen(unpact.command(*given, ranks=ranks), env=environment(), stdout=file, stderr=subprocess.PIPE, text=True,
                                   start_new_session=True)
        wait_until(lambda: out.stat().st_size, running)
        os.kill(ranks_of(unpact.binary, running.pid)[-1], signal.SIGUSR1)
        _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 75, err
    printed = [json.loads(line)["prompt"] for line in out.read_text().splitlines()]
    assert printed == [json.loads(line)["prompt"] for line in lines[:len(printed)]] and 256 <= len(printed) < 400
    assert f"stopped after {len(printed)} of 400 lines" in err


@pytest.mark.parametrize("ranks", [1, 3])
def test_collect_leaves_the_file_of_before(unpact: Program, campaign: Path, tmp_path: Path, ranks: int) -> None:
    (tmp_path / "cells").symlink_to(campaign / "cells")
    (tmp_path / "campaign.h5").write_bytes(b"of before")
    ended = signalled(unpact, ["collect", "--output", tmp_path], 1, at_once) if ranks == 1 else unpact(
        "collect", "--output", tmp_path, ranks=ranks, env=environment(SLURM_JOB_END_TIME=str(int(time.time()) + 5)))
    assert ended.code == (75 if ranks == 1 else 2), ended.out + ended.err
    assert (tmp_path / "campaign.h5").read_bytes() == b"of before"
    unpact.well("collect", "--output", tmp_path, ranks=ranks)


def test_the_search_of_thresholds(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    given = ["attribute", "--tune", "--config", home / "configs/tiny.ini", "--output", tmp_path, "--attribution.tune_objective", "effect"]
    ended = signalled(unpact, given, 2, lambda: (tmp_path / "logs").exists())
    assert ended.code == 75, ended.out + ended.err
    unpact.well(*given, ranks=2)


@pytest.mark.parametrize("name", ["USR1", "USR2", "TERM"])
def test_any_signal_can_ask(unpact: Program, home: Path, straight: tuple[int, Path], tmp_path: Path, name: str) -> None:
    ranks, expected = straight
    given = arguments(home, tmp_path, "--run.stop_signal", name)
    running = start(unpact, given, ranks, 5, tmp_path)
    os.kill(ranks_of(unpact.binary, running.pid)[-1], getattr(signal, f"SIG{name}"))
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 75, out + err
    unpact.well(*given, ranks=ranks)
    assert weights(tmp_path) == weights(expected)


@pytest.mark.parametrize(("chosen", "sent"), [("USR1", signal.SIGUSR2), ("USR2", signal.SIGUSR1), ("USR2", signal.SIGTERM)])
def test_other_signals_end_the_process(unpact: Program, home: Path, target: Path, tmp_path: Path, chosen: str, sent: signal.Signals) -> None:
    running = start(unpact, arguments(home, tmp_path, "--run.stop_signal", chosen), 1, 5, tmp_path)
    os.kill(running.pid, sent)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == -sent


def test_finetune(unpact: Program, home: Path, tmp_path: Path) -> None:
    def given(folder: Path) -> list[object]:
        return ["finetune", "--config", home / "configs/finetune.ini", "--output", folder, "--finetune.epochs", "20"]
    unpact.well(*given(tmp_path / "straight"), ranks=2)
    out = tmp_path / "out"
    assert signalled(unpact, given(out), 2, lambda: steps_done(out) > 2).code == 75
    unpact.well(*given(out), ranks=2)
    assert weights(out) == weights(tmp_path / "straight")


def ends_in(seconds: float) -> dict[str, str]:
    return environment(SLURM_JOB_END_TIME=str(int(time.time() + seconds)))


def test_the_end_of_the_job_stops_at_a_page(unpact: Program, home: Path, baseline: Path, tmp_path: Path) -> None:
    given = ["attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path, *SMALL_PAGES]
    ended = unpact(*given, ranks=2, wrap=slow(unpact, tmp_path / "baselines", 400), env=ends_in(20))
    assert ended.code == 75, ended.out + ended.err
    unpact.well(*given, ranks=2)
    assert differing(baseline, tmp_path / "baselines/tiny__tiny.h5") == []


@pytest.mark.parametrize("limit", ["run.time_limit", "the end of the job"])
def test_a_limit_below_the_least_is_said_once(unpact: Program, home: Path, target: Path, tmp_path: Path, limit: str) -> None:
    """75 would have the job started again for ever."""
    given = ["attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path]
    ended = unpact(*given, "--run.time_limit", "0.05", ranks=2) if limit == "run.time_limit" else unpact(*given, ranks=2, env=ends_in(5))
    assert ended.code == 2, ended.out + ended.err
    assert "before anything was finished" in ended.message() and "give more time" in ended.message()


def test_a_limit_below_one_cell(unpact: Program, home: Path, target: Path, reproduce: Callable[..., Ended], tmp_path: Path) -> None:
    """The first start finishes the target's answers, the second nothing. Where all is finished a limit stops nothing."""
    given = ["reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path, "--campaign.methods", "ga"]
    short = (*given, "--run.time_limit", "0.9")
    first = unpact(*short, ranks=2)
    assert first.code == 75 and (tmp_path / "baselines/tiny__tiny.h5").exists(), first.out + first.err
    second = unpact(*short, ranks=2)
    assert second.code == 2 and "before anything was finished" in second.message(), second.out + second.err
    unpact.well(*given, ranks=2)
    assert len(cells_of(tmp_path)) == 1
    assert unpact(*short, ranks=2).code == 0


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_end_that_is_over_is_ignored(unpact: Program, home: Path, target: Path, tmp_path: Path, ranks: int) -> None:
    ended = unpact.well("attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path, ranks=ranks,
                        env=environment(SLURM_JOB_END_TIME="1700000000"))
    assert ended.err.count("SLURM_JOB_END_TIME is 1700000000") == 1 and "hint:" in ended.err, ended.err


def test_a_torn_cell_in_a_stopped_campaign(unpact: Program, home: Path, reproduce: Callable[..., Ended], tmp_path: Path) -> None:
    more = ("--campaign.methods", "ga,npo")
    reproduce(tmp_path, *more)
    torn = next(iter(cells_of(tmp_path).values()))
    torn.write_bytes(torn.read_bytes()[:1000])
    given = ["reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path, *more]
    ended = signalled(unpact, given, 2, at_once)
    assert ended.code == 75, ended.out + ended.err
    # The signal may come when the cell is made again already; else it is listed as broken.
    assert "1 broken" in ended.out or "2 cell(s) finished" in ended.out, ended.out
    assert "2 cell(s) finished" in unpact.well(*given, ranks=2).out


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_results_folder_that_is_removed_midway(unpact: Program, home: Path, target: Path, tmp_path: Path, ranks: int) -> None:
    out = tmp_path / "out"
    given = ["reproduce", "--config", home / "configs/tiny.ini", "--output", out, "--campaign.methods", "ga,npo,ga_gd",
             "--campaign.ranks_per_cell", ranks]
    running = spawn(unpact, given, ranks, slow(unpact, out / "training", 20))
    wait_until(lambda: cells_of(out), running)
    (lost,) = cells_of(out)
    out.rename(tmp_path / "removed")  # at once, unlike a removal
    text, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 2, text + err
    assert lost.removesuffix(".h5") in err and "was removed while the campaign ran" in err, err
    unpact.well(*given, ranks=ranks)
    assert len(cells_of(out)) == 3
