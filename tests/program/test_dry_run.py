"""unlearn --dry-run says what memory a rank needs, loads no weights, and refuses what does not fit."""
import json
import re
import shutil
from pathlib import Path

from unpact_program import Program, write_json

LINES = ["weights of the shard", "gradients of the shard", "optimizer's moments of the shard", "activations of all blocks",
         "logits", "together"]


def gibibytes(text: str) -> dict[str, float]:
    return {name: float(value) for value, name in re.findall(r"^ +([0-9.]+) GiB  (.+)$", text, re.MULTILINE)}


def test_the_plan_is_printed_and_nothing_is_written(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    given = ["unlearn", "--config", home / "configs/tiny.ini", "--method", "ga", "--output", tmp_path / "out", "--dry-run"]
    alone = gibibytes(unpact.well(*given).out)
    assert list(alone) == LINES
    assert not (tmp_path / "out/model").exists()
    together = gibibytes(unpact.well(*given, ranks=2).out)
    assert "two gathered blocks and two blocks of gradients" in together
    frozen = ["npo_kl" if part == "ga" else part for part in given]
    assert list(gibibytes(unpact.well(*frozen).out))[0] == "the target's head and one unit of it"
    assert list(gibibytes(unpact.well(*given, "--train.shard", "none").out))[0] == "the target, whole"


def test_rmu_counts_the_weights_that_train(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """`all` is every weight below the steered states: not the blocks after them, the last norm and the head."""
    large = Path(shutil.copytree(target, tmp_path / "large"))
    config = json.loads((large / "config.json").read_text())
    config.update(hidden_size=2048, intermediate_size=8192, num_hidden_layers=8, head_dim=512)
    write_json(large / "config.json", config)
    given = ["unlearn", "--config", home / "configs/tiny.ini", "--model", large, "--output", tmp_path / "out", "--dry-run"]
    moments = [gibibytes(unpact(*given, "--method", method, *more).out)["optimizer's moments of the shard"] for method, *more in (
        ("rmu",), ("rmu", "--method.trained_layers", "all"), ("ga",))]  # it may not fit; the plan is printed first
    assert 0 < moments[0] < moments[1] < moments[2] / 2
    ended = unpact(*given, "--method", "rmu", "--method.layer", "8")
    assert ended.code == 1 and "method.layer" in ended.message()


def test_what_does_not_fit_is_refused(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """The tiny target with the shape of a giant: the weights are never opened."""
    giant = Path(shutil.copytree(target, tmp_path / "giant"))
    config = json.loads((giant / "config.json").read_text())
    config.update(hidden_size=65536, intermediate_size=262144, num_hidden_layers=400, head_dim=16384)
    write_json(giant / "config.json", config)
    ended = unpact("unlearn", "--config", home / "configs/tiny.ini", "--model", giant, "--method", "ga", "--output", tmp_path / "out", "--dry-run")
    assert ended.code == 1, ended.out + ended.err
    message = ended.message()
    assert "does not fit" in message and "GiB are missing" in message and "more ranks" in message
