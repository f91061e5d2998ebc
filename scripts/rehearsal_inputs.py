#!/usr/bin/env python3
"""Writes the folder that configs/rehearsal.ini runs in: small cousins of the study's models, slices of real data.

    rehearsal_inputs.py --data DIR --out DIR [--published-sizes]

OUT/configs leads to this project's configs/, and OUT/assets stands where scripts/fetch-assets would put the real ones, so
that the rehearsal reads the very choice files of configs/paper.ini. Models have random weights, the published architectures
and the published tokenizers of DIR/tokenizers (links, no copies): ten blocks, so that RMU's blocks are there, and a width of
32, because the real vocabularies alone take 2 to 10 million weights at that width. DIR is the folder of the test data
(UNPACT_TEST_DATA). With --published-sizes the models have the published sizes and no weights, and the sets all that DIR has:
inputs that configs/paper.ini can be planned with, not run.
"""

import argparse
import json
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[1]
WIDTH, MLP, BLOCKS, HEADS, HEAD_SIZE = 32, 128, 10, 4, 16
NEEDED = ("tokenizers/llama2", "tokenizers/llama3", "tokenizers/qwen3", "muse-news", "mmlu-slice")

COMMON = {
    "hidden_size": WIDTH, "intermediate_size": MLP, "num_hidden_layers": BLOCKS, "num_attention_heads": HEADS,
    "hidden_act": "silu", "initializer_range": 0.05, "tie_word_embeddings": False, "torch_dtype": "float32",
}
LLAMA2 = COMMON | {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 32000, "num_key_value_heads": HEADS,
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "bos_token_id": 1, "eos_token_id": 2,
}
LLAMA31 = COMMON | {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 128256, "num_key_value_heads": HEADS // 2,
    "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "bos_token_id": 128000,
    "eos_token_id": [128001, 128008, 128009],
    "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                     "original_max_position_embeddings": 8192},
}
QWEN3 = COMMON | {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 151936, "num_key_value_heads": HEADS // 2,
    "head_dim": HEAD_SIZE, "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
    "attention_bias": False, "use_sliding_window": False, "bos_token_id": 151643, "eos_token_id": [151645, 151643],
}
PUBLISHED = {  # by tokenizer: what the published config.json says instead
    "llama2": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32},
    "llama3": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8},
    "qwen3": {"hidden_size": 5120, "intermediate_size": 17408, "num_hidden_layers": 40, "num_attention_heads": 40, "num_key_value_heads": 8,
              "head_dim": 128},
}
MODELS = {  # folder of assets/models: configuration, tokenizer, seed
    "llama2-7b": (LLAMA2, "llama2", 1), "muse-news-target": (LLAMA2, "llama2", 2),
    "muse-books-target": (LLAMA2, "llama2", 3), "llama3.1-8b-instruct": (LLAMA31, "llama3", 4), "qwen3-14b": (QWEN3, "qwen3", 5),
}


def shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    head = config.get("head_dim", WIDTH // HEADS)
    queries, keys = HEADS * head, config["num_key_value_heads"] * head
    named: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config["vocab_size"], WIDTH), "model.norm.weight": (WIDTH,),
        "lm_head.weight": (config["vocab_size"], WIDTH),
    }
    for block in range(BLOCKS):
        at = f"model.layers.{block}."
        named |= {
            f"{at}input_layernorm.weight": (WIDTH,), f"{at}post_attention_layernorm.weight": (WIDTH,),
            f"{at}self_attn.q_proj.weight": (queries, WIDTH), f"{at}self_attn.k_proj.weight": (keys, WIDTH),
            f"{at}self_attn.v_proj.weight": (keys, WIDTH), f"{at}self_attn.o_proj.weight": (WIDTH, queries),
            f"{at}mlp.gate_proj.weight": (MLP, WIDTH), f"{at}mlp.up_proj.weight": (MLP, WIDTH),
            f"{at}mlp.down_proj.weight": (WIDTH, MLP),
        }
        if config["model_type"] == "qwen3":
            named |= {f"{at}self_attn.q_norm.weight": (head,), f"{at}self_attn.k_norm.weight": (head,)}
    return named


def write_json(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def link_files(tokenizer: Path, folder: Path) -> None:
    for file in tokenizer.iterdir():
        (folder / file.name).symlink_to(file.resolve())


def write_planned_model(folder: Path, config: dict[str, Any], tokenizer: Path) -> None:
    folder.mkdir(parents=True)
    write_json(folder / "config.json", config | PUBLISHED[tokenizer.name] | {"torch_dtype": "bfloat16"})
    link_files(tokenizer, folder)


def write_model(folder: Path, config: dict[str, Any], tokenizer: Path, seed: int) -> None:
    folder.mkdir(parents=True)
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", {key: config[key] for key in ("bos_token_id", "eos_token_id")})
    random = np.random.default_rng(seed)
    weights = {name: np.ones(shape, np.float32) if name.endswith("norm.weight")
               else random.standard_normal(shape, np.float32) * np.float32(0.2) for name, shape in shapes(config).items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    link_files(tokenizer, folder)


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def shortest(entries: list[dict[str, Any]], first: int, count: int) -> list[dict[str, Any]]:
    """Leave-one-out costs the square of a question's length."""
    return sorted(entries, key=lambda entry: len(json.dumps(entry)))[first:first + count]


def write_muse(source: Path, out: Path, first: int, is_books: bool) -> None:
    """Six questions of each set, and a few short texts: articles, or one long one as those of MUSE-Books are."""
    for part in ("forget", "retain"):
        write_json(out / f"knowmem/{part}_qa.json", shortest(read(source / f"knowmem/{part}_qa.json"), first, 6))
        write_json(out / f"knowmem/{part}_qa_icl.json", read(source / f"knowmem/{part}_qa_icl.json"))
        texts = [text[:400] for text in islice(read(source / f"raw/{part}.json"), first, first + 4)]
        name = {"forget": "forget", "retain": "retain1"}[part] if is_books else part
        write_json(out / f"raw/{name}.json", ["\n\n".join(texts)] if is_books else texts)
    write_json(out / "verbmem/forget.json", read(source / "verbmem/forget.json")[first:first + 2])
    for part in ("forget", "retain", "holdout"):
        texts = read(source / f"privleak/{part}.json")[first:first + 2]
        write_json(out / f"privleak/{part}.json", [text[:400] for text in texts])


def write_whole_muse(source: Path, out: Path, is_books: bool) -> None:
    shutil.copytree(source, out)
    if is_books:
        (out / "raw/retain.json").rename(out / "raw/retain1.json")


def write_wmdp(mmlu: Path, texts: dict[str, list[str]], out: Path, questions: int) -> None:
    """MMLU's harmless questions in WMDP's place, and news in that of its corpora."""
    subjects = {"bio": "astronomy", "cyber": "elementary_mathematics"}
    for subject, stands_for in subjects.items():
        entries = shortest(read(mmlu / f"{stands_for}_test.json"), 0, 2 * questions)
        fields = ("question", "choices", "answer")
        write_json(out / f"wmdp/{subject}.json", [{key: entry[key] for key in fields} for entry in entries])
        for part in ("forget", "retain"):
            folder = "wmdp-bio-forget-corpus" if (subject, part) == ("bio", "forget") else "wmdp-corpora"
            file = out / folder / f"{subject}-{part}-corpus.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts[part]), encoding="utf-8")
    for file in sorted(mmlu.glob("*_test.json")):
        if file.name.removesuffix("_test.json") not in subjects.values():
            write_json(out / "mmlu" / file.name, shortest(read(file), 0, questions))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the test data")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; what an earlier run left is replaced")
    parser.add_argument("--published-sizes", action="store_true", help="models without weights and whole sets, for a plan")
    options = parser.parse_args()
    missing = [name for name in NEEDED if not (options.data / name).is_dir()]
    if missing:
        parser.error(f"{options.data} has no {missing[0]}: it is to be the folder of the test data (CONTRIBUTING.md)")
    assets = options.out / "assets"
    shutil.rmtree(assets, ignore_errors=True)
    news, whole = options.data / "muse-news", options.published_sizes
    for name, (config, tokenizer, seed) in MODELS.items():
        folder, files = assets / "models" / name, options.data / "tokenizers" / tokenizer
        if whole:
            write_planned_model(folder, config, files)
        else:
            write_model(folder, config, files, seed)
    for name, first, is_books in (("muse-news", 0, False), ("muse-books", 6, True)):
        if whole:
            write_whole_muse(news, assets / "datasets" / name, is_books)
        else:
            write_muse(news, assets / "datasets" / name, first, is_books)
    texts = {part: read(news / f"raw/{part}.json") for part in ("forget", "retain")}
    if not whole:
        texts = {part: [text[:400] for text in all_texts[12:16]] for part, all_texts in texts.items()}
    write_wmdp(options.data / "mmlu-slice", texts, assets / "datasets", questions=400 if whole else 6)
    configs = options.out / "configs"
    configs.unlink(missing_ok=True)
    configs.symlink_to(ROOT / "configs")


if __name__ == "__main__":
    main()
