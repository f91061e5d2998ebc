"""train.lora_*: unlearning by low-rank adapters, merged or as a folder in peft's form (whose numbers tests/train and tests/unlearn compare)."""
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from unpact_program import Program

LORA = ["--train.lora_rank", "3", "--train.lora_alpha", "6", "--train.lora_targets", "q_proj, down_proj", "--unlearn.max_steps", "6",
        "--method.max_steps", "6"]


def test_the_adapter_folder_says_what_is_merged(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    given = ["unlearn", "--config", home / "configs/tiny.ini", "--method", "npo_gd", *LORA]
    unpact.well(*given, "--output", tmp_path / "whole", ranks=2)
    said = unpact.well(*given, "--train.lora_result", "adapter", "--output", tmp_path / "apart", ranks=2)
    folder = tmp_path / "apart/adapter"
    assert f"The unlearned adapter is in {folder}" in said.err + said.out
    assert not (tmp_path / "apart/model").exists()
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 3, 6)
    assert config["target_modules"] == ["mlp.down_proj", "self_attn.q_proj"]
    assert Path(config["base_model_name_or_path"]) == target.resolve()
    assert json.loads((folder / "unlearning.json").read_text())["method"] == "npo_gd"
    base, merged = (load_file(path / "model.safetensors") for path in (target, tmp_path / "whole/model"))
    adapters = {name.removeprefix("base_model.model."): array for name, array in load_file(folder / "adapter_model.safetensors").items()}
    for name, weight in merged.items():
        module = name.removesuffix(".weight")
        down, up = (adapters.pop(f"{module}.lora_{part}.weight", None) for part in "AB")
        if down is None:
            np.testing.assert_array_equal(weight, base[name], name)
            continue
        assert np.abs(weight - base[name]).max() > 0
        np.testing.assert_allclose(weight, base[name] + 2 * up @ down, rtol=0, atol=1e-6)  # float32
    assert not adapters
    refused = unpact("ask", "--model", folder, "--prompt", "Who?")
    assert refused.code == 1 and "LoRA adapter" in refused.err


def test_a_campaign_refuses_adapter_folders_before_any_work(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    given = ["reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path / "campaign", *LORA[:6]]
    refused = unpact(*given, "--train.lora_result", "adapter")
    assert refused.code == 1 and "train.lora_result" in refused.err
    assert not (tmp_path / "campaign").exists()
