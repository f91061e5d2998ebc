"""How many examples and steps a training takes, and how many questions are asked."""
from pathlib import Path

import h5py
import pytest
from unpact_program import FORGET, RETAIN, Program

ONE_CELL = ("--campaign.methods", "ga_gd", "--probe.use", "", "--generation.max_new_tokens", "2", "--unlearn.micro_batch", "6")


@pytest.fixture(scope="module")
def cell(unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory):  # noqa: ANN201
    """The results file of a campaign of one cell with the given options."""
    def run(*options: str) -> h5py.File:
        folder = tmp_path_factory.mktemp("out")
        unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--output", folder, *ONE_CELL, *options)
        return h5py.File(folder / "cells/tiny__tiny__ga_gd__seed3.h5")
    return run


def test_dataset_limit_limits_what_is_asked_and_no_training(cell) -> None:  # noqa: ANN001
    options = ("--unlearn.epochs", "1", "--unlearn.batch_size", "4")
    with cell("--dataset.limit", "2", *options) as limited, cell(*options) as whole:
        asked = [text.decode() for text in limited["questions/text"][:]]
        assert asked == [question for question, _ in FORGET[:2] + RETAIN[:2]]
        assert len(whole["questions/text"]) == len(FORGET) + len(RETAIN)
        for column in ("step", "tokens", "loss", "forget_loss", "retain_loss"):
            assert limited[f"training/{column}"][:].tolist() == whole[f"training/{column}"][:].tolist(), column
        assert len(whole["training/step"]) == 2, "all six forget examples in batches of four"


@pytest.mark.parametrize(("rule", "steps"), [("continuous", 3), ("per_epoch", 4)])
def test_both_rules_of_steps(cell, rule: str, steps: int) -> None:  # noqa: ANN001
    """Two epochs of six examples in batches of four."""
    with cell("--dataset.limit", "1", "--unlearn.epochs", "2", "--unlearn.batch_size", "4", "--unlearn.step_rule", rule) as made:
        assert len(made["training/step"]) == steps
        assert f"step_rule = {rule}\n" in made.attrs["config_resolved"]
        tokens = made["training/tokens"][:].tolist()
        if rule == "per_epoch":
            assert tokens[0] + tokens[1] == tokens[2] + tokens[3], "each epoch all examples, whatever their order"
