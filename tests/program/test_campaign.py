"""A tiny campaign: its files, its numbers at several rank counts, resuming, and what a change of options does."""
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import (PATIENCE, Ended, Program, assert_same_cells, cells_of, datasets_of, differing, environment,
                            kill_session)

Reproduce = Callable[..., Ended]
Tool = Callable[..., subprocess.CompletedProcess]
LONGER = ("--unlearn.epochs", "60")  # long enough that a campaign can be killed in its middle


def test_every_file_passes_the_validator(campaign: Path, results_tool: Tool, methods: list[str]) -> None:
    files = [campaign / "campaign.h5", *cells_of(campaign).values(), *(campaign / "baselines").glob("*.h5")]
    assert len(files) == 2 + len(methods)
    checked = results_tool("validate", *files)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_target_knows_everything_and_unlearning_changes_it(campaign: Path, methods: list[str]) -> None:
    changed = 0
    for method in methods:
        with h5py.File(cells_of(campaign)[f"tiny__tiny__{method}__seed3.h5"]) as file:
            assert file.attrs["method"] == method
            assert np.all(file["target/is_right"][:] == 1), "the fixture's model must know its questions"
            assert np.all(np.isfinite(file["training/loss"][:])) and len(file["training/step"]) == 4
            # A stage is called the same in every cell: its times stand in one column of the campaign's table.
            assert set(file["work/stage"].asstr()[:]) == {
                "unlearn", "reshard", "unlearned_answers", "unlearned_attribution", "probe_focus_on_key", "probe_probab",
                "probe_no_focus", "probe_wrong_focus", "retain_focus_on_key", "retain_probab", "unlearned_metrics"}
            changed += int(np.any(file["unlearned/is_right"][:] == 0))
    assert changed >= 4, "a campaign that changes nothing tests nothing"


def test_what_the_user_sees(campaign: Path, reproduce: Reproduce, tmp_path: Path, methods: list[str]) -> None:
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    text = reproduce(folder, ranks=2).out
    assert all(f"Cell tiny__tiny__{method}__seed3 is finished already" in text
               or f"tiny__tiny__{method}__seed3 " in text for method in methods)
    assert f"{len(methods)} cell(s) finished, 0 missing, 0 broken" in text
    assert str(folder / "campaign.h5") in text and "FocusOnKey" in text and "unpact_results report" in text
    assert {"rank-0000.log", "rank-0001.log"} <= {path.name for path in (folder / "logs").iterdir()}
    assert (folder / "campaign.ini").read_text().startswith("[run]\n")


@pytest.mark.parametrize("ranks", [2, 4])
def test_numbers_do_not_depend_on_the_number_of_ranks(campaign: Path, reproduce: Reproduce, tmp_path: Path, methods: list[str],
                                                      ranks: int) -> None:
    """With one rank a cell every number is bit-equal: a cell is computed by one rank alone, and the target's questions, which
    the ranks share, are each computed in the same way wherever they land."""
    reproduce(tmp_path / "out", ranks=ranks)
    assert_same_cells(campaign, tmp_path / "out", len(methods))
    assert differing(campaign / "baselines/tiny__tiny.h5", tmp_path / "out/baselines/tiny__tiny.h5") == []
    assert differing(campaign / "campaign.h5", tmp_path / "out/campaign.h5") in ([], ["status/sha256"]), "checksums hold the times"


def test_two_ranks_a_cell_agree_but_for_rounding(campaign: Path, reproduce: Reproduce, tmp_path: Path) -> None:
    """Two ranks add the gradients of their halves of a batch, one rank adds them in another order: fp32 rounds the sums
    differently (relative 6e-8), and Adam divides by their size, which carries small gradients' rounding into the weights.
    Four steps keep that below 1e-4; the target is not trained and stays bit-equal."""
    chosen = ["ga_gd", "npo_kl", "tv", "rmu"]
    reproduce(tmp_path / "out", "--campaign.ranks_per_cell", "2", "--campaign.methods", ",".join(chosen), ranks=2)
    for method in chosen:
        name = f"tiny__tiny__{method}__seed3.h5"
        one, two = datasets_of(campaign / "cells" / name), datasets_of(tmp_path / "out/cells" / name)
        for column in ("loss", "forget_loss", "retain_loss", "gradient_norm"):
            np.testing.assert_allclose(one[f"training/{column}"], two[f"training/{column}"], rtol=1e-4, atol=1e-4, err_msg=f"{method} {column}")
        for column in ("tokens", "learning_rate", "step"):
            np.testing.assert_array_equal(one[f"training/{column}"], two[f"training/{column}"])
        assert [key for key in differing(campaign / "cells" / name, tmp_path / "out/cells" / name) if key.startswith(("target", "questions"))] == []
    with h5py.File(tmp_path / "out/cells" / name) as file:
        assert (file.attrs["world_size"], file.attrs["group_size"]) == (2, 2)


def test_finished_cells_are_skipped_and_a_lost_one_comes_back(campaign: Path, reproduce: Reproduce, tmp_path: Path, methods: list[str]) -> None:
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    lost = cells_of(folder)["tiny__tiny__npo__seed3.h5"]
    lost.unlink()
    before = {path.name: path.stat().st_mtime_ns for path in cells_of(folder).values()}
    text = reproduce(folder, ranks=2).out
    assert {name: path.stat().st_mtime_ns for name, path in cells_of(folder).items() if name in before} == before
    assert lost.exists() and differing(lost, campaign / "cells" / lost.name) == []
    assert "Using the target's answers" in text
    assert_same_cells(campaign, folder, len(methods))


def test_a_torn_cell_is_computed_again(campaign: Path, reproduce: Reproduce, tmp_path: Path, methods: list[str]) -> None:
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    torn = cells_of(folder)["tiny__tiny__ga__seed3.h5"]
    torn.write_bytes(torn.read_bytes()[:20000])
    reproduce(folder)
    assert_same_cells(campaign, folder, len(methods))


@pytest.fixture(scope="module")
def longer(campaign: Path, reproduce: Reproduce, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished campaign's folder after a run with other options."""
    folder = Path(shutil.copytree(campaign, tmp_path_factory.mktemp("longer") / "copy"))
    reproduce(folder, *LONGER, ranks=2)
    return folder


def test_a_changed_option_makes_cells_run_anew(campaign: Path, longer: Path, methods: list[str]) -> None:
    assert cells_of(longer).keys() == cells_of(campaign).keys()
    for name, path in cells_of(longer).items():
        assert len(datasets_of(path)["training/step"]) == 60, name
    same = "baselines/tiny__tiny.h5"
    assert (longer / same).stat().st_mtime_ns == (campaign / same).stat().st_mtime_ns, "the target does not depend on how it is unlearned"


def test_what_decides_no_number_makes_nothing_run_anew(campaign: Path, home: Path, target: Path, reproduce: Reproduce, tmp_path: Path,
                                                        methods: list[str]) -> None:
    """Where things lie, on what they run, and how a target would be made that is given."""
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    data, model = shutil.copytree(home / "tiny", tmp_path / "data"), shutil.copytree(target, tmp_path / "model")
    text = reproduce(folder, "--dataset.path", data, "--model", model, "--run.threads", "2", "--method.cache", "none", "--train.shard", "gradients",
                     "--finetune.epochs", "7", "--attribution.tune_alphas", "0.5").out
    assert text.count("is finished already") == len(methods) and "Using the target's answers" in text


def test_an_option_of_the_evaluation_makes_answers_and_cells_anew(campaign: Path, reproduce: Reproduce, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    text = reproduce(folder, "--judge.threshold", "0.75", "--campaign.methods", "ga").out
    assert "is finished already" not in text and "Asking the target" in text


def test_changed_data_make_a_campaign_run_anew_unless_they_are_pinned(campaign: Path, home: Path, reproduce: Reproduce, unpact: Program,
                                                                      tmp_path: Path) -> None:
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    data = Path(shutil.copytree(home / "tiny", tmp_path / "tiny"))
    chosen = ("--campaign.methods", "ga", "--dataset.path", data)
    questions = data / "knowmem/forget_qa.json"
    questions.write_text(questions.read_text().replace("Mira Holt", "Nobody"))
    assert "is finished already" not in reproduce(folder, *chosen).out
    with h5py.File(cells_of(folder)["tiny__tiny__ga__seed3.h5"]) as file:
        assert "Nobody" in file["questions/gold_answer"].asstr()[:]
    with h5py.File(cells_of(campaign)["tiny__tiny__ga__seed3.h5"]) as file:
        pinned = re.search(r"^checksum = ([0-9a-f]{64})$", file.attrs["config_resolved"], re.MULTILINE)
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", *chosen, "--dataset.checksum", pinned[1], "--output", folder)
    assert ended.code == 1 and "another content than dataset.checksum" in ended.message()


def kill_in_the_middle(command: list[str], folder: Path) -> dict[str, Path]:
    """SIGKILL for mpirun and every rank as soon as the first cell has its file. @return the cells that survived."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True) as process:
        try:
            for _ in range(PATIENCE * 200):
                if cells_of(folder) or process.poll() is not None:
                    break
                time.sleep(0.005)
        finally:
            kill_session(process.pid)
            process.wait()
    return cells_of(folder)


def test_killed_and_started_again_it_gives_the_same(unpact: Program, home: Path, reproduce: Reproduce, longer: Path, tmp_path: Path,
                                                    methods: list[str], results_tool: Tool) -> None:
    folder = tmp_path / "out"
    for attempt in range(3):  # a machine may finish all cells before the signal comes: then there was no middle
        folder = tmp_path / f"out{attempt}"
        command = unpact.command("reproduce", "--config", home / "configs/tiny.ini", "--output", folder, *LONGER, ranks=2)
        survivors = kill_in_the_middle(command, folder)
        if 0 < len(survivors) < len(methods):
            break
    else:
        pytest.skip(f"the campaign could not be killed in its middle: {len(survivors)} of {len(methods)} cells were there")
    assert not (folder / "campaign.h5").exists()
    checked = results_tool("validate", *survivors.values())
    assert checked.returncode == 0, "what has its final name is complete:\n" + checked.stdout
    before = {name: path.stat().st_mtime_ns for name, path in survivors.items()}
    reproduce(folder, *LONGER, ranks=2)
    assert {name: path.stat().st_mtime_ns for name, path in cells_of(folder).items() if name in before} == before
    assert_same_cells(longer, folder, len(methods))


def test_report_of_a_campaign(campaign: Path, results_tool: Tool, tmp_path: Path, methods: list[str]) -> None:
    done = results_tool("report", campaign, "--out", tmp_path / "report.html")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(method in page for method in methods)
    table = results_tool("table", campaign, "--format", "markdown")
    assert table.returncode == 0 and all(method in table.stdout for method in methods)


def test_several_models_and_seeds_from_choice_files(unpact: Program, home: Path, target: Path, tmp_path: Path, results_tool: Tool) -> None:
    """One model is made by the campaign itself, in the folder of its results, and used again by the second run."""
    configs = tmp_path / "configs"
    for kind, name, text in (
            ("models", "given", f"[model]\nname = given\npath = {target}\n"),
            ("models", "made", f"[model]\nname = made\nconfig = {home}/llama\nvocabulary_size = 400\nmake_target = true\n"),
            ("datasets", "news", f"[dataset]\nname = news\npath = {home}/tiny\nlimit = 2\n"),
            ("methods", "mild", "[method]\nname = mild\nforget = npo\nretain = gd\nmax_steps = 1\n")):
        (configs / kind).mkdir(parents=True, exist_ok=True)
        (configs / kind / f"{name}.ini").write_text(text)
    (configs / "c.ini").write_text("[campaign]\nmodels = given, made\ndatasets = news\nmethods = mild\nseeds = 1, 2\n"
                                   "[run]\ndevice = cpu\nthreads = 1\n[finetune]\nepochs = 2\n[generation]\nmax_new_tokens = 4\n")
    out = tmp_path / "out"
    unpact.well("reproduce", "--config", configs / "c.ini", "--output", out, ranks=2)
    assert list(cells_of(out)) == [f"{model}__news__mild__seed{seed}.h5" for model in ("given", "made") for seed in (1, 2)]
    assert results_tool("validate", out / "campaign.h5", *cells_of(out).values()).returncode == 0
    weights = out / "models/made__news/model.safetensors"
    made = weights.stat().st_mtime_ns
    again = unpact.well("reproduce", "--config", configs / "c.ini", "--output", out, ranks=2).out
    assert weights.stat().st_mtime_ns == made and "Using the target model" in again
    # Which group has which cell is open; each looks at all of them, and each rank writes its own log.
    logs = "".join(log.read_text() for log in sorted((out / "logs").glob("rank-*.log")))
    for model, seed in ((m, s) for m in ("given", "made") for s in (1, 2)):
        cell = f"Cell {model}__news__mild__seed{seed}"
        assert logs.count(f"{cell} is finished already\n") >= 1 and logs.count(f"{cell}\n") == 1


def test_the_printed_configuration_of_a_campaign_runs_alone(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """Choice files, given keys and relative paths: the text that --print-config and campaign.ini hold says all of it anywhere."""
    configs = tmp_path / "configs"
    for kind, name, text in (
            ("models", "given-1.5", f"[model]\nname = given\npath = {os.path.relpath(target, configs / 'models')}\n[prompt]\nbefore_question = Q:\\s\n"),
            ("datasets", "news", f"[dataset]\nname = news\npath = {os.path.relpath(home / 'tiny', configs / 'datasets')}\n"),
            ("methods", "mild", "[method]\nname = mild\nforget = npo\nretain = gd\nmax_steps = 1\n"),
            ("methods", "wild", "[method]\nname = wild\nlearning_rate = 2e-3\nmax_steps = 2\n")):
        (configs / kind).mkdir(parents=True, exist_ok=True)
        (configs / kind / f"{name}.ini").write_text(text)
    (configs / "c.ini").write_text("[campaign]\nmodels = given-1.5\nmethods = mild, wild\nseeds = 1\n[run]\ndevice = cpu\nthreads = 1\n"
                                   "[method]\nmax_steps = 3\n[generation]\nmax_new_tokens = 4\n[dataset]\nlimit = 2\n")
    arguments = ("reproduce", "--config", configs / "c.ini", "--dataset", "news", "--output", "out")
    printed = unpact.well(*arguments, "--print-config", cwd=tmp_path).out
    alone = tmp_path / "elsewhere" / "alone.ini"
    alone.parent.mkdir()
    alone.write_text(printed)
    assert unpact.well("reproduce", "--config", alone, "--print-config", cwd=alone.parent).out == printed
    unpact.well(*arguments, cwd=tmp_path)
    assert (tmp_path / "out/campaign.ini").read_text() == printed
    shutil.rmtree(configs)
    unpact.well("reproduce", "--config", alone, "--output", tmp_path / "again", cwd=alone.parent)
    one, two = cells_of(tmp_path / "out"), cells_of(tmp_path / "again")
    assert list(one) == list(two) == ["given__news__mild__seed1.h5", "given__news__wild__seed1.h5"]
    for name in one:
        with h5py.File(one[name]) as a, h5py.File(two[name]) as b:
            assert a.attrs["config_resolved"] == b.attrs["config_resolved"] and a.attrs["fingerprint"] == b.attrs["fingerprint"]
            assert "before_question = Q:" in a.attrs["config_resolved"] and len(a["training/step"]) == 3, "what is given wins over a choice"


@pytest.mark.parametrize(("text", "said"), [
    ("[choice.models.a]\nmodel.nam = x\n", "unknown option 'model.nam'"), ("[choice.modls.a]\nmodel.name = x\n", "unknown option 'choice.modls.a.model.name'"),
    ("[choice.models]\nname = x\n", "unknown option"), ("[choice.models.a]\nmodel.name = x\nmodel.name = y\n", "'model.name' appears twice"),
    ("[campaign]\nmodels = b\n[choice.models.a]\nmodel.name = x\n", "no section [choice.models.b]"),
])
def test_choices_inside_of_a_configuration_are_checked(unpact: Program, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.ini").write_text(text)
    ended = unpact("reproduce", "--config", tmp_path / "c.ini", "--print-config")
    assert ended.code == 1 and said in ended.message()


@pytest.mark.parametrize(("text", "line", "said"), [
    ("[pair given-2 news]\nunlearn.epochs = 1\n", 4, "did you mean [pair given-1 news]?"), ("[pair given-1 olds]\n", 4, "of no pair of this campaign"),
    ("[pair]\nunlearn.epochs = 1\n", 4, "of no pair of this campaign"), ("[pair given-1 news]\n[pair given-1 news]\n", 5, "appears twice"),
    ("[pair given-1 news]\nunlearn.epoch = 1\n", 5, "did you mean 'unlearn.epochs'?"), ("[pair given-1 news]\nunlearn.epochs = x\n", 5, "'unlearn.epochs' is 'x'"),
    ("[pair given-1 news]\nrun.seed = 1\n", 5, "'run.seed' of a pair"),
])
def test_pairs_are_checked_before_anything_is_opened(unpact: Program, tmp_path: Path, text: str, line: int, said: str) -> None:
    """One message of all ranks; neither model nor dataset is there, and nobody looked for them."""
    for kind, name in (("models", "given-1"), ("datasets", "news")):
        (tmp_path / kind).mkdir()
        (tmp_path / f"{kind}/{name}.ini").write_text(f"[{kind[:-1]}]\nname = x\npath = nowhere\n")
    (tmp_path / "c.ini").write_text("[campaign]\nmodels = given-1\ndatasets = news\n" + text)
    ended = unpact("reproduce", "--config", tmp_path / "c.ini", "--output", tmp_path / "out", ranks=2)
    assert ended.code == 1 and said in ended.message() and f"c.ini, line {line}" in ended.message()
    assert "nowhere" not in ended.err and not (tmp_path / "out").exists()
