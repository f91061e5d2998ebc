"""`unpact inspect model`: every architecture, everything that is wrong at once, and what it says to a program."""
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from unpact_program import Program, write_json

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")

USUAL = {"vocab_size": 400, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": False}
CONFIGS: dict[str, Callable[[], object]] = {
    "llama": lambda: transformers.LlamaConfig(**USUAL, rope_parameters={
        "rope_type": "llama3", "rope_theta": 5000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32}),
    "mistral": lambda: transformers.MistralConfig(**USUAL, sliding_window=16),
    "qwen2": lambda: transformers.Qwen2Config(**USUAL | {"tie_word_embeddings": True}),
    "qwen3": lambda: transformers.Qwen3Config(**USUAL, head_dim=16, use_sliding_window=True, sliding_window=8, max_window_layers=1,
                                              layer_types=["full_attention", "sliding_attention"]),
    "phi": lambda: transformers.PhiConfig(**USUAL),
    "phi3": lambda: transformers.Phi3Config(**USUAL, pad_token_id=0, sliding_window=16),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**{key: value for key, value in USUAL.items() if key != "num_key_value_heads"}),
    "gemma": lambda: transformers.GemmaConfig(**USUAL | {"tie_word_embeddings": True}, head_dim=8, pad_token_id=0),
    "olmo2": lambda: transformers.Olmo2Config(**USUAL, pad_token_id=0),
    "gemma3_text": lambda: transformers.Gemma3TextConfig(**USUAL | {"tie_word_embeddings": True}, head_dim=8, pad_token_id=0, sliding_window=16,
                                                         layer_types=["sliding_attention", "full_attention"]),
    "opt": lambda: transformers.OPTConfig(vocab_size=400, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
                                          max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0),
    "mixtral": lambda: transformers.MixtralConfig(**USUAL, num_local_experts=4),
    "gpt2": lambda: transformers.GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=2),
}


@pytest.fixture(scope="module")
def checkpoints(target: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random models as transformers saves them, with a tokenizer of 400 pieces."""
    folders = {}
    for name, config in CONFIGS.items():
        torch.manual_seed(3)
        folder = tmp_path_factory.mktemp(name) / "model"
        model = transformers.AutoModelForCausalLM.from_config(config()).to(torch.bfloat16)
        model.save_pretrained(folder, max_shard_size="20KB")
        for file in ("tokenizer.model", "tokenizer_config.json"):
            shutil.copy(target / file, folder)
        folders[name] = folder
    return folders


@pytest.fixture
def broken(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints["llama"], tmp_path / "model"))


def inspect(unpact: Program, folder: Path, *more: object, code: int = 0, ranks: int = 1) -> dict:
    ended = unpact("inspect", "model", folder, "--json", *more, ranks=ranks)
    assert ended.code == code, ended.out + ended.err
    found, = ended.json_lines()
    assert found["usable"] == (code == 0) and bool(found["problems"]) == (code != 0)
    return found


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def change(file: Path, edit: Callable[[dict], object]) -> None:
    tensors = safetensors.load_file(file)
    edit(tensors)
    safetensors.save_file(tensors, file, metadata={"format": "pt"})


def one_file(folder: Path, edit: Callable[[dict], object] = lambda tensors: None) -> None:
    """All weights in one file, without an index."""
    tensors = {name: tensor for file in shards(folder) for name, tensor in safetensors.load_file(file).items()}
    for file in [*shards(folder), folder / "model.safetensors.index.json"]:
        file.unlink()
    edit(tensors)
    safetensors.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("name", CONFIGS)
def test_what_it_says_is_what_transformers_says(unpact: Program, checkpoints: dict[str, Path], name: str) -> None:
    folder = checkpoints[name]
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    found = inspect(unpact, folder)
    config = found["config"]
    assert config["architecture"] == name and config["parameters"] == model.num_parameters()
    assert (config["blocks"], config["hidden_size"], config["vocabulary"], config["context"]) == (2, 32, 400, 128)
    assert (config["bos_id"], config["eos_ids"], config["generation_config"]) == (1, [2], True)
    assert config["tied_embeddings"] == model.config.tie_word_embeddings
    stored = sum(tensor.numel() for file in shards(folder) for tensor in safetensors.load_file(file).values())
    assert found["weights"]["numbers"] == {"BF16": stored}
    assert found["weights"]["files"] == len(shards(folder)) > 1
    assert found["weights"]["bytes"] == sum(file.stat().st_size for file in shards(folder))
    assert (found["tokenizer"]["vocabulary"], found["tokenizer"]["bos_id"], found["tokenizer"]["eos_id"]) == (400, 1, 2)
    assert found["chat_template"] == {"file": None, "use": "muse"}


def test_rope_and_windows(unpact: Program, checkpoints: dict[str, Path]) -> None:
    config = {name: inspect(unpact, folder, "--inspect.quick", "true")["config"] for name, folder in checkpoints.items()}
    assert config["llama"]["rope"] == {"theta": 5000.0, "type": "llama3", "factor": 8.0} and config["gpt2"]["rope"] is None
    assert config["mistral"]["sliding_windows"] == [{"tokens": 16, "blocks": 2}] and config["qwen3"]["sliding_windows"] == [{"tokens": 8, "blocks": 1}]
    assert config["llama"]["sliding_windows"] == config["qwen2"]["sliding_windows"] == []
    assert config["gemma3_text"]["rope"] == {"theta": 1e6, "type": "default", "factor": 1.0, "local_theta": 1e4} and config["opt"]["rope"] is None
    assert config["gemma3_text"]["sliding_windows"] == [{"tokens": 16, "blocks": 1}]
    assert (config["mixtral"]["experts"], config["mixtral"]["intermediate_size"], config["llama"]["experts"]) == (4, 48, 0)


def test_memory(unpact: Program, checkpoints: dict[str, Path]) -> None:
    """The formulas that the text names, on numbers of this model."""
    found = inspect(unpact, checkpoints["llama"], "--inspect.ranks", "3")
    count, tokens = found["config"]["parameters"], 8192
    expected = {"unlearn_whole": 20 * count}
    for name, b in (("score_fp32", 4), ("score_bf16", 2)):
        expected[name] = b * count + 2 * b * 2 * (2 * 8) * tokens + b * tokens * (4 * 32 + 2 * 4 * 8 + 2 * 2 * 8 + 3 * 48) + 8 * 400 * tokens
    head, block = 400 * 32, (count - 2 * 400 * 32 - 32) / 2
    assert [row.pop("unlearn") for row in found["memory"]] == pytest.approx(
        [16 * count / w + 4 * (head + max(block, head)) + (16 * block + 8 * head if w > 1 else 0) for w in (1, 2, 3, 4, 8)])
    cells = [(row.pop("cell"), row.pop("cell_offloaded")) for row in found["memory"]]
    assert all(offloaded <= cell for cell, offloaded in cells) and cells == sorted(cells, reverse=True) and cells[-1][1] >= 2 * count
    assert found["memory"] == [{"ranks": ranks, **expected} for ranks in (1, 2, 3, 4, 8)]
    text = unpact.well("inspect", "model", checkpoints["llama"], "--inspect.ranks", "3").out
    assert [line.split()[0] for line in text.split("GiB of a rank:")[1].splitlines()[1:6]] == ["1", "2", "3", "4", "8"]
    assert "whole (8 N)" not in text


def test_the_studys_largest_model_fits_eighty_gigabytes(unpact: Program, tmp_path: Path) -> None:
    """Qwen3-14B's shape alone: config.json is enough for the plan, though not for using it."""
    write_json(tmp_path / "config.json", {
        "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 5120, "intermediate_size": 17408, "num_hidden_layers": 40,
        "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 40960, "rms_norm_eps": 1e-6,
        "hidden_act": "silu", "rope_theta": 1000000, "tie_word_embeddings": False})
    rows = {row["ranks"]: row for row in inspect(unpact, tmp_path, code=1)["memory"]}
    assert rows[8]["cell"] < 60e9 and rows[4]["cell"] < 80e9 < rows[2]["cell"] and rows[2]["cell_offloaded"] < 80e9


@pytest.mark.parametrize("ranks", [1, 2])
def test_every_problem_is_listed_together(unpact: Program, broken: Path, target: Path, larger_vocabulary: Path, ranks: int) -> None:
    def edit(tensors: dict) -> None:
        del tensors["model.norm.weight"]
        tensors["model.strange.weight"] = torch.zeros(3)
        tensors["model.layers.0.mlp.up_proj.weight"] = torch.zeros(48, 31)
        tensors["model.layers.1.self_attn.k_proj.weight"] = torch.zeros(16, 32, dtype=torch.float64)
        tensors["model.layers.1.mlp.down_proj.weight"][2, 3] = float("inf")
        tensors["lm_head.weight"] = tensors["lm_head.weight"].float()
        tensors["lm_head.weight"][399, 31] = float("nan")
    one_file(broken, edit)
    (broken / "generation_config.json").unlink()
    config = json.loads((broken / "config.json").read_text())
    write_json(broken / "config.json", config | {"bos_token_id": 5, "eos_token_id": [7, 400]})
    shutil.copy(larger_vocabulary / "tokenizer.model", broken)
    found = inspect(unpact, broken, code=1, ranks=ranks)
    said = "\n".join(found["problems"])
    for words in ("missing: model.norm.weight", "unexpected: model.strange.weight", "shape of model.layers.0.mlp.up_proj.weight: [48, 31]",
                  "dtype of model.layers.1.self_attn.k_proj.weight: F64", "'model.layers.1.mlp.down_proj.weight' in model.safetensors holds NaN",
                  "'lm_head.weight' in model.safetensors holds NaN", "the tokenizer has 420 tokens, the model only 400",
                  "BOS is 1 for the tokenizer and 5 for the model"):
        assert words in said, said
    assert len(found["problems"]) == 8, said
    remarks = "\n".join(found["remarks"])
    assert "generation_config.json is missing" in remarks and "EOS 400 is outside" in remarks and "EOS is 2 for the tokenizer" in remarks
    quick = inspect(unpact, broken, "--inspect.quick", "true", code=1)
    assert not quick["values_read"] and not any("NaN" in problem for problem in quick["problems"]) and len(quick["problems"]) == 6
    text = unpact("inspect", "model", broken)
    assert text.code == 1 and text.out.count("\nproblem: ") == 8 and text.out.splitlines()[-1].endswith("cannot be used: 8 problems")


@pytest.fixture(scope="module")
def larger_vocabulary(unpact: Program, home: Path) -> Path:
    unpact.well("finetune", "--config", home / "configs/finetune.ini", "--model.vocabulary_size", "420", "--finetune.max_steps", "1",
                "--output", home / "larger-for-inspect")
    return home / "larger-for-inspect" / "model"


def lfs_pointer(folder: Path) -> None:
    shards(folder)[1].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n")


def lost_shard(folder: Path) -> None:
    shards(folder)[1].unlink()


def torn_shard(folder: Path) -> None:
    shards(folder)[1].write_bytes(shards(folder)[1].read_bytes()[:-40])


def torn_index(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text()[:200])


def leaving_index(folder: Path) -> None:
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"model.norm.weight": "../other.safetensors"}})


def no_weights(folder: Path) -> None:
    for file in [*shards(folder), folder / "model.safetensors.index.json"]:
        file.unlink()


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def huge_config(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"hidden_size": 1 << 60})


def quantized(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"quantization_config": {"bits": 4}})


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.model").unlink()


@pytest.mark.parametrize(("breakages", "said"), [
    ([lfs_pointer], ["is a Git LFS pointer"]), ([lost_shard], ["names files that are not there", "missing: "]),
    ([torn_shard], ["reaches past the end of the file"]), ([torn_index], ["model.safetensors.index.json is not valid JSON"]),
    ([leaving_index], ["the index may only name"]), ([no_weights], ["no weights in"]), ([no_config], ["config.json is missing"]),
    ([huge_config], ["hidden_size"]), ([quantized], ["quantization_config"]), ([no_tokenizer], ["it has no tokenizer.model"]),
    ([lfs_pointer, no_config, no_tokenizer], ["is a Git LFS pointer", "config.json is missing", "it has no tokenizer.model"]),
])
def test_broken_files(unpact: Program, broken: Path, breakages: list[Callable[[Path], None]], said: list[str]) -> None:
    for breakage in breakages:
        breakage(broken)
    problems = inspect(unpact, broken, code=1)["problems"]
    assert all(any(words in problem for problem in problems) for words in said), problems
    if breakages == [lfs_pointer]:
        assert len(problems) == 1, "tensors of a file that cannot be read are not called missing"
    assert unpact("ask", "--model", broken, "--prompt", "Who?").code == 1, "what is called unusable is refused"


def test_other_refusals(unpact: Program, target: Path, tmp_path: Path) -> None:
    for arguments, words in (([tmp_path / "none"], "no such folder"), ([target, "--inspect.ranks", "0"], "inspect.ranks")):
        ended = unpact("inspect", "model", *arguments)
        assert ended.code == 1 and words in ended.message()
    ended = unpact("inspect", "dataset", target, "--json")
    assert ended.code == 1 and "--json is not for this kind" in ended.message()


MARKS = {"llama3-instruct": "<|start_header_id|>user<|end_header_id|>",
         "llama3.1-instruct": "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023", "qwen3": "<|im_start|>user {{ enable_thinking }}",
         "qwen2.5-instruct": "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud.", "mistral-instruct": "[INST] [/INST]",
         None: "<|im_start|>user"}
LLAMA32 = MARKS["llama3.1-instruct"] + "\n{%- set date_string = strftime_now('%d %b %Y') %}"


@pytest.mark.parametrize("use", MARKS)
@pytest.mark.parametrize("place", ["config", "list", "jinja"])
def test_chat_templates(unpact: Program, broken: Path, use: str | None, place: str) -> None:
    if place == "jinja":
        (broken / "chat_template.jinja").write_text(MARKS[use])
    else:
        text = MARKS[use] if place == "config" else [{"name": "tools", "template": "x"}, {"name": "default", "template": MARKS[use]}]
        config = json.loads((broken / "tokenizer_config.json").read_text())
        write_json(broken / "tokenizer_config.json", config | {"chat_template": text})
    found = inspect(unpact, broken, "--inspect.quick", "true")
    assert found["chat_template"] == {"file": "chat_template.jinja" if place == "jinja" else "tokenizer_config.json", "use": use}
    text = unpact.well("inspect", "model", broken, "--inspect.quick", "true").out
    assert (f"model.use = {use}" if use else "none of configs/models fits") in text


@pytest.mark.parametrize("mark", ["<|im_end|>", "<|end_of_turn|>"])
def test_an_end_of_turn_that_ends_no_answer_is_said(unpact: Program, broken: Path, mark: str) -> None:
    for name in ("tokenizer.model", "tokenizer.json", "special_tokens_map.json"):
        (broken / name).unlink(missing_ok=True)
    write_json(broken / "vocab.json", {"a": 0, "b": 1, "<|endoftext|>": 2, "ab": 3, mark: 4})
    (broken / "merges.txt").write_text("a b\n")
    write_json(broken / "tokenizer_config.json", {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "chat_template": MARKS["qwen3"] + mark,
                                                  "added_tokens_decoder": {"4": {"content": mark, "special": True}}})
    quick = ("inspect", "model", broken, "--inspect.quick", "true")
    assert f"ends answers with {mark} (4), which is no EOS" in unpact(*quick).out
    config = json.loads((broken / "config.json").read_text())
    write_json(broken / "config.json", config | {"eos_token_id": [2, 4]})
    (broken / "generation_config.json").unlink(missing_ok=True)
    assert "which is no EOS" not in unpact(*quick).out


def test_dates_of_the_day_and_a_missing_bos(unpact: Program, broken: Path) -> None:
    (broken / "chat_template.jinja").write_text(LLAMA32)
    assert inspect(unpact, broken, "--inspect.quick", "true")["chat_template"]["use"] is None
    (broken / "chat_template.jinja").unlink()
    for name in ("tokenizer.model", "tokenizer.json", "special_tokens_map.json"):
        (broken / name).unlink(missing_ok=True)
    write_json(broken / "vocab.json", {"a": 0, "b": 1, "<|endoftext|>": 2, "ab": 3})
    (broken / "merges.txt").write_text("a b\n")
    write_json(broken / "tokenizer_config.json", {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None})
    ended = unpact("inspect", "model", broken, "--json", "--inspect.quick", "true")
    assert ended.json_lines()[0]["chat_template"]["use"] == "muse-without-bos", ended.out + ended.err


@pytest.mark.parametrize(("folder", "use"), [("qwen3", "qwen3"), ("mistral-7b-v0.3", "mistral-instruct")])
def test_published_chat_templates(unpact: Program, broken: Path, folder: str, use: str) -> None:
    config = Path(os.environ.get("UNPACT_TEST_DATA") or "none") / "tokenizers" / folder / "tokenizer_config.json"
    if not config.exists():
        pytest.skip("UNPACT_TEST_DATA is not set")
    own = json.loads((broken / "tokenizer_config.json").read_text())  # the template alone: the tokens belong to another tokenizer
    write_json(broken / "tokenizer_config.json", own | {"chat_template": json.loads(config.read_text())["chat_template"]})
    assert inspect(unpact, broken, "--inspect.quick", "true")["chat_template"]["use"] == use
