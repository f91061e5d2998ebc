"""Options that say how a training runs: what they change in the step log, and what is refused."""
import json
from pathlib import Path

import numpy as np
import pytest
from unpact_program import Program

safetensors = pytest.importorskip("safetensors.torch")


def unlearn(unpact: Program, home: Path, out: Path, *more: object, ranks: int = 1) -> tuple[list[dict], dict]:
    unpact.well("unlearn", "--config", home / "configs/tiny.ini", "--method", "npo_kl", "--output", out, *more, ranks=ranks)
    steps = [json.loads(line) for line in (out / "model.train.jsonl").read_text().splitlines()]
    return steps, safetensors.load_file(out / "model/model.safetensors")


def test_packed_steps_have_no_padding_and_the_same_losses(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    padded, padded_weights = unlearn(unpact, home, tmp_path / "padded", "--train.packing", "false")
    packed, packed_weights = unlearn(unpact, home, tmp_path / "packed", ranks=2)
    assert sum(step["padding"] for step in padded) > 0 and all(step["padding"] == 0 for step in packed)
    for one, other in zip(padded, packed, strict=True):
        assert one["tokens"] == other["tokens"] and one["targets"] == other["targets"]
        # float32 sums in another order, through a few steps of Adam.
        np.testing.assert_allclose(one["terms"], other["terms"], rtol=1e-3, atol=1e-5)
    moved = sum((packed_weights[name] - padded_weights[name]).square().sum().item() for name in packed_weights)
    assert moved < 1e-6 * sum(tensor.square().sum().item() for tensor in padded_weights.values())


def test_a_target_in_memory_gives_the_same_bits(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """train.shard = none loads the target whole; the others cut it out of the mapped files. On one rank nothing is summed
    in another order."""
    mapped, mapped_weights = unlearn(unpact, home, tmp_path / "mapped")
    whole, whole_weights = unlearn(unpact, home, tmp_path / "whole", "--train.shard", "none")
    assert [step["loss"] for step in mapped] == [step["loss"] for step in whole]
    assert mapped_weights.keys() == whole_weights.keys()
    assert all(mapped_weights[name].equal(whole_weights[name]) for name in whole_weights)


@pytest.mark.parametrize(("options", "said"), [
    (["--train.packing", "maybe"], ["train.packing", "true or false"]),
    (["--train.offload_optimizer", "true"], ["train.offload_optimizer", "on the CPU"]),
    (["--train.offload_optimizer", "true", "--train.shard", "none"], ["train.offload_optimizer"]),
    (["--method.rmu_early_stop", "false"], ["method.rmu_early_stop", "method.forget = rmu"]),
])
def test_what_makes_no_sense_is_refused(unpact: Program, home: Path, target: Path, tmp_path: Path, options: list[str], said: list[str]) -> None:
    ended = unpact("unlearn", "--config", home / "configs/tiny.ini", "--method", "ga", "--output", tmp_path / "out", *options, ranks=2)
    assert ended.code == 1, ended.out + ended.err
    assert all(word in ended.message() for word in said), ended.message()
    assert not (tmp_path / "out/model").exists()


def test_a_weight_that_is_not_finite_is_refused(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """Each rank reads its pieces alone; the error is one."""
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in target.iterdir():
        if file.is_file():
            (broken / file.name).write_bytes(file.read_bytes())
    weights = safetensors.load_file(broken / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 4] = float("nan")
    safetensors.save_file(weights, broken / "model.safetensors", {"format": "pt"})
    for job in (["unlearn", "--config", home / "configs/tiny.ini", "--method", "npo"], ["finetune", "--config", home / "configs/finetune.ini"]):
        ended = unpact(*job, "--model", broken, "--output", tmp_path / "out", ranks=2)
        assert ended.code == 1, ended.out + ended.err
        assert "'model.layers.1.mlp.up_proj.weight'" in ended.message() and "NaN" in ended.message()
