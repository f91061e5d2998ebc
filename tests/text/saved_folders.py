"""Tokenizer folders without a tokenizer.json, as transformers saved them with use_fast=False, or as people put them together."""

import json

# What stands in front of a text, between its repetitions, and behind it: a list that joins.
CHATS = [["<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>"], ["", "<|endoftext|>"], ["a<s>", "</s> b"],
         ["<tool> ", " <tool>x</tool>"], ["<|im_end|>", "</tool>", " end"]]


def token(content, **flags):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True, **flags}


def vocabulary_and_merges(tokenizer_json):
    model = json.loads(tokenizer_json.read_bytes())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return {"vocab.json": encoded(model["vocab"]), "merges.txt": "\n".join(["#version: 0.2", *merges, ""]).encode()}


def encoded(content):
    return json.dumps(content, ensure_ascii=False).encode()


def qwen(data):
    files = vocabulary_and_merges(data / "tokenizers/qwen3/tokenizer.json")
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    decoder = {str(151643 + i): token(name) for i, name in enumerate(names)} | {"151646": token("<tool>", special=False)}
    config = {"tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": False, "bos_token": None, "eos_token": "<|im_end|>",
              "pad_token": "<|endoftext|>", "unk_token": None, "errors": "replace"}
    ids = {name: 151643 + i for i, name in enumerate([*names, "<tool>"])}
    named = {"eos_token": "<|im_end|>", "pad_token": token("<|endoftext|>"), "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
    yield "qwen", files | {"tokenizer_config.json": encoded(config | {"added_tokens_decoder": decoder})}
    yield "qwen-added-tokens", files | {"tokenizer_config.json": encoded(config), "added_tokens.json": encoded(ids),
                                        "special_tokens_map.json": encoded(named)}
    yield "qwen-by-config", files | {"config.json": encoded({"model_type": "qwen2"})}
    yield "qwen-named-only", files | {"tokenizer_config.json": encoded({"tokenizer_class": "Qwen2TokenizerFast", "eos_token": "<|im_end|>"})}


def gpt2(data):
    files = {name: (data / "tokenizers/gpt2" / name).read_bytes() for name in ("vocab.json", "merges.txt")}
    yield "gpt2", files | {"tokenizer_config.json": encoded({"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True})}
    yield "gpt-neox", files | {"tokenizer_config.json": encoded({"tokenizer_class": "GPTNeoXTokenizer"})}
    yield "opt", files | {"tokenizer_config.json": encoded({"tokenizer_class": "GPT2Tokenizer", "bos_token": "</s>", "eos_token": "</s>",
                                                            "pad_token": "<pad>"})}


def llama(data):
    model = {"tokenizer.model": (data / "tokenizers/llama2/tokenizer.model").read_bytes()}
    base = {str(i): token(name) for i, name in enumerate(["<unk>", "<s>", "</s>"])}
    chat = {"32000": token("<|im_start|>"), "32001": token("<|im_end|>"), "32002": token("<tool>", special=False, normalized=True, lstrip=True),
            "32003": token("</tool>", rstrip=True)}
    config = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "<|im_end|>", "unk_token": "<unk>"}
    ids = {content["content"]: int(i) for i, content in chat.items()}
    yield "llama", model | {"tokenizer_config.json": encoded(config | {"added_tokens_decoder": base | chat})}
    yield "llama-legacy", model | {"tokenizer_config.json": encoded(config | {"added_tokens_decoder": base | chat, "legacy": True})}
    yield "llama-added-tokens", model | {"tokenizer_config.json": encoded(config), "added_tokens.json": encoded(ids)}
    yield "llama-named", model | {"tokenizer_config.json": encoded(config)}
    yield "llama-published", model | {"tokenizer_config.json": encoded(config | {"added_tokens_decoder": base, "eos_token": {"__type": "AddedToken", **token("</s>")}})}


def saved_folders(data):
    """Name, files by name, and whether offsets and texts that begin with a space are compared."""
    for folders, plain in ((qwen, True), (gpt2, True), (llama, False)):
        for name, files in folders(data):
            yield name, files, plain
