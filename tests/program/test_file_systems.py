"""File systems without locks, and files that cannot be read now: results are written and read, nothing intact is called damaged,
and what cannot be read is replaced by nothing."""
import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from unlearn_runs import arguments, steps_done, with_faults
from unpact_program import Ended, Program, assert_same_cells, cells_of

ENOTSUPP = 524  # what Linux's NFS says; the C library has no name for it


def no_locks(unpact: Program, folder: Path, code: int) -> list[str]:
    return with_faults(unpact, "file", FILE_FAULT="lock", FILE_ERROR=code, FILE_FOLDER=folder)


def unreadable(unpact: Program, folder: Path, how: str, code: int, name: str = ".h5") -> list[str]:
    return with_faults(unpact, "file", FILE_FAULT=how, FILE_ERROR=code, FILE_FOLDER=folder, FILE_NAME=name)


@pytest.mark.parametrize(("ranks", "code"), [(1, errno.ENOLCK), (2, ENOTSUPP), (3, errno.ENOLCK), (4, ENOTSUPP)])
def test_a_campaign_without_locks(unpact: Program, home: Path, target: Path, reproduce: Callable[..., Ended], tmp_path: Path, ranks: int,
                                  code: int) -> None:
    more = ("--campaign.methods", "ga,npo", "--campaign.ranks_per_cell", min(ranks, 2))
    if ranks == 3:
        more = (*more[:-1], 3)
    reproduce(tmp_path / "straight", *more, ranks=ranks)
    out = tmp_path / "out"
    wrap = no_locks(unpact, out, code)
    unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--output", out, *more, ranks=ranks, wrap=wrap)
    assert_same_cells(tmp_path / "straight", out, 2)
    again = unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--output", out, *more, ranks=ranks, wrap=wrap)
    assert "Using the target's answers" in again.out and "2 cell(s) finished, 0 missing, 0 broken" in again.out
    for path in (*cells_of(out).values(), out / "campaign.h5", out / "baselines/tiny__tiny.h5"):
        said = unpact.well("inspect", "results", path, wrap=wrap)
        assert "damaged" not in said.out + said.err
    assert "2 cell(s) finished, 0 missing, 0 broken" in unpact.well("collect", "--output", out, ranks=ranks, wrap=wrap).out


@pytest.mark.parametrize("how", ["open", "read"])
@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_inspect_calls_nothing_damaged_that_it_cannot_read(unpact: Program, campaign: Path, how: str, code: int) -> None:
    for path in (next(iter(cells_of(campaign).values())), campaign / "campaign.h5"):
        ended = unpact("inspect", "results", path, wrap=unreadable(unpact, campaign, how, code))
        assert ended.code == 2, ended.out + ended.err
        said = ended.message()
        assert "cannot read" in said and "may be intact" in said and "damaged" not in said and "delete" not in said, said


@pytest.mark.parametrize(("how", "code", "ranks"), [("open", errno.EACCES, 1), ("read", errno.EIO, 2), ("read", errno.ESTALE, 1)])
def test_collect_replaces_nothing_when_it_reads_nothing(unpact: Program, campaign: Path, tmp_path: Path, how: str, code: int, ranks: int) -> None:
    shutil.copytree(campaign / "cells", tmp_path / "cells")
    (tmp_path / "campaign.h5").write_bytes(b"of before")
    ended = unpact("collect", "--output", tmp_path, ranks=ranks, wrap=unreadable(unpact, tmp_path / "cells", how, code))
    assert ended.code == 2, ended.out + ended.err
    assert "can be read" in ended.message() and "is left as it was" in ended.message()
    assert (tmp_path / "campaign.h5").read_bytes() == b"of before"


def test_collect_says_which_cell_it_could_not_read(unpact: Program, campaign: Path, tmp_path: Path) -> None:
    shutil.copytree(campaign / "cells", tmp_path / "cells")
    name = next(iter(cells_of(tmp_path)))
    ended = unpact("collect", "--output", tmp_path, wrap=unreadable(unpact, tmp_path / "cells", "read", errno.EIO, name))
    assert ended.code == 2 and "Input/output error" in ended.err, ended.out + ended.err
    assert "7 cell(s) finished, 0 missing, 1 broken" in ended.out


def test_collect_of_nothing_is_refused(unpact: Program, tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    ended = unpact("collect", "--output", tmp_path)
    assert ended.code == 1 and "nothing to collect" in ended.message()
    (tmp_path / "cells/torn.h5").write_bytes(b"torn")
    assert unpact("collect", "--output", tmp_path).code == 2
    assert not (tmp_path / "campaign.h5").exists()


@pytest.mark.parametrize("part", ["baselines", "cells"])
def test_a_campaign_makes_nothing_anew_that_it_cannot_read(unpact: Program, home: Path, reproduce: Callable[..., Ended], tmp_path: Path,
                                                           part: str) -> None:
    more = ("--campaign.methods", "ga")
    reproduce(tmp_path, *more)
    before = {path: path.read_bytes() for path in (tmp_path / part).glob("*.h5")}
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path, *more,
                   wrap=unreadable(unpact, tmp_path / part, "read", errno.EIO))
    assert ended.code == 2 and "Input/output error" in ended.err, ended.out + ended.err
    assert {path: path.read_bytes() for path in (tmp_path / part).glob("*.h5")} == before


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_folder_that_cannot_keep_results_is_refused_before_any_work(unpact: Program, home: Path, target: Path, tmp_path: Path,
                                                                      ranks: int) -> None:
    ended = unpact("attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path, ranks=ranks,
                   wrap=unreadable(unpact, tmp_path, "read", errno.EIO, ""))
    assert ended.code == 2 and "Input/output error" in ended.err, ended.out + ended.err
    assert "Asking the target" not in ended.out
    assert ranks > 1 or not list(tmp_path.glob(".*")), "a collective call that fails ends all ranks at once"


def test_a_checkpoint_that_cannot_be_read_is_not_set_aside(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    given = arguments(home, tmp_path)
    unpact(*given, "--run.time_limit", "0.1")
    kept = sorted(path.name for path in (tmp_path / "model.training").iterdir())
    ended = unpact(*given, wrap=unreadable(unpact, tmp_path / "model.training", "read", errno.ESTALE, ".safetensors"))
    assert ended.code == 2 and "may be intact" in ended.message(), ended.out + ended.err
    assert sorted(path.name for path in (tmp_path / "model.training").iterdir()) == kept
    assert "Continuing after step" in unpact.well(*given).out and steps_done(tmp_path) > 1
