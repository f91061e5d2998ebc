"""Probes with weights: quantization, relearning, a soft prompt; depth."""
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unlearn_runs import spawn, wait_until
from unpact_program import Ended, Program, assert_same_cells, cells_of, differing, kill_session

FEW = ("--campaign.methods", "ga_gd", "--probe.use", "probab, quantize, relearn, soft_prompt", "--relearn.steps", "2, 5", "--relearn.learning_rate", "1e-3",
       "--soft_prompt.steps", "3", "--soft_prompt.tokens", "2", "--evaluation.metrics", "none")
CELL = "tiny__tiny__ga_gd__seed3.h5"


@pytest.fixture(scope="module")
def asked(reproduce: Callable[..., Ended], target: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """With the target's own folder as the model that was never taught: a floor that is a ceiling."""
    made: dict[int, Path] = {}

    def on(ranks: int) -> Path:
        if ranks not in made:
            made[ranks] = tmp_path_factory.mktemp(f"weights{ranks}")
            reproduce(made[ranks], *FEW, "--campaign.floor_model", target, "--evaluation.depth", "true", ranks=ranks)
        return made[ranks]
    return on


def test_files_are_right_and_do_not_depend_on_ranks(asked: Callable, results_tool: Callable) -> None:
    checked = results_tool("validate", asked(1))
    assert checked.returncode == 0, checked.stdout
    one, two = (cells_of(asked(ranks))[CELL] for ranks in (1, 2))
    assert set(differing(one, two)) <= {"curves/loss"}
    with h5py.File(one) as first, h5py.File(two) as second:  # the arms are trained by both ranks: sums in another order
        np.testing.assert_allclose(first["curves/loss"][:], second["curves/loss"][:], rtol=1e-5, atol=1e-6)


def test_curves_and_arms_are_there(asked: Callable) -> None:
    with h5py.File(cells_of(asked(1))[CELL]) as file:
        assert file["probes/quantize/attempt"].asstr()[:].tolist() == ["nf4", "int4", "int8_rows"]
        assert file["probes/relearn/attempt"].asstr()[:].tolist() == ["after 2 steps", "after 5 steps"]
        curves = {name: item[:] if name in ("step", "right", "asked", "loss") else item.asstr()[:] for name, item in file["curves"].items()}
        arms = [step for probe, arm, step in zip(curves["probe"], curves["arm"], curves["step"], strict=True) if (probe, arm) == ("relearn", "floor")]
        assert arms == [2, 5] and np.all(curves["right"] <= curves["asked"]) and np.all(np.isfinite(curves["loss"]))
        by_arm = {arm: curves["right"][(curves["arm"] == arm) & (curves["probe"] == "relearn")].tolist() for arm in ("target", "floor")}
        assert by_arm["target"] == by_arm["floor"], "the same model under the same training"
        rates = set(file["rates/name"].asstr()[:])
        assert {f"{kind}_{probe}" for kind in ("recovery", "ceiling", "floor") for probe in ("quantize", "relearn", "soft_prompt")} <= rates
        metrics = dict(zip(file["metrics/name"].asstr()[:], file["metrics/unlearned"][:], strict=True))
        assert 0 < metrics["equal_codes_nf4"] < 1 and metrics["equal_codes_int8_rows"] < metrics["equal_codes_nf4"]
        # The target's own states take nothing away.
        assert np.abs(file["depth/floor/answer"][:]).max() < 1e-5 and np.abs(file["depth/unlearned/answer"][:]).max() > 1e-3


def test_a_job_that_is_killed_in_a_training_keeps_what_it_has_asked(unpact: Program, home: Path, reproduce: Callable[..., Ended], tmp_path: Path) -> None:
    """Once among the steps of the soft prompt, which is tried on retain questions first, and once in relearning behind its first model."""
    few = ("--campaign.methods", "ga_gd", "--probe.use", "probab, relearn, soft_prompt", "--relearn.steps", "2, 100", "--soft_prompt.steps", "2, 100",
           "--soft_prompt.tokens", "2", "--evaluation.metrics", "none")
    reproduce(tmp_path / "straight", *few)
    out = tmp_path / "out"
    pages = out / "cells" / CELL.replace(".h5", ".unfinished")
    for page in ("unlearned_soft_prompt_vectors_2", "probe_relearn_step2"):
        running = spawn(unpact, ["reproduce", "--config", home / "configs/tiny.ini", "--output", out, *few], 1)
        wait_until((pages / f"{page}-0.page").exists, running)
        kill_session(running.pid)
        running.communicate()
        assert not cells_of(out) and not (pages / "probe_relearn_step100-0.page").exists(), "it must not have finished"
    said = reproduce(out, *few).out
    for stage in ("probe_probab", "unlearned_soft_prompt_vectors_2", "unlearned_soft_prompt_vectors_100", "retain_soft_prompt_step100", "probe_relearn_step2"):
        assert f"{stage}: " in said, said
    assert_same_cells(tmp_path / "straight", out, 1)


@pytest.mark.parametrize(("arguments", "reasons"), [
    (("--relearn.data", "file"), ("relearn.file", "contradict")),
    (("--relearn.share", "1"), ("relearn.share", "between 0 and 1")),
    (("--judge.kind", "rouge_l_recall, relative_likelihood"), ("quantize", "relative_likelihood", "contradict"))])
def test_bad_options_are_refused(unpact: Program, home: Path, target: Path, tmp_path: Path, arguments: tuple[str, ...], reasons: tuple[str, ...]) -> None:
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", *FEW, *arguments)
    assert ended.code == 1 and all(reason in ended.message() for reason in reasons), ended.err
    assert not (tmp_path / "out").exists()


def test_what_overlaps_the_tested_facts_is_refused_by_entry(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    pairs = json.loads((home / "tiny/knowmem/forget_qa.json").read_text())
    file = tmp_path / "facts.jsonl"
    file.write_text('{"question": "Which colour has the sea?", "answer": "Green."}\n' + json.dumps({"question": pairs[2]["question"], "answer": "No."}) + "\n")
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", *FEW, "--relearn.data", "file", "--relearn.file", file)
    assert ended.code == 1 and not (tmp_path / "out").exists()
    for part in ("facts.jsonl", "line 2", "overlaps the tested facts", "forget question 2"):
        assert part in ended.message(), ended.err
