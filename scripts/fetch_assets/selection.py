"""Which files of a repository are wanted. Weights only as safetensors: a pickle can run code when it is read."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from .catalogue import Asset
from .errors import AssetError
from .manifest import Entry

_MODEL_FILE = re.compile(
    r"(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template)\.json"
    r"|tokenizer\.model|merges\.txt|chat_template\.jinja|(LICENSE|NOTICE|USE_POLICY|README)(\.\w+)?"
)
_PICKLE = re.compile(r".*\.(bin|pt|pth|ckpt|pkl)")
_DATASET_FILE = {
    "muse": re.compile(r"(knowmem|raw|verbmem|privleak)/.+\.parquet"),
    "wmdp": re.compile(r"wmdp-(bio|chem|cyber)/test.*\.parquet"),
    "wmdp-corpora": re.compile(r"(.+/)?(bio|cyber)-(forget|retain)-corpus(/.+\.parquet|\.jsonl)"),
    "bio-forget-corpus": re.compile(r".+/train.*\.parquet|(.+/)?bio-forget-corpus\.jsonl"),
    "mmlu": re.compile(r"all/test.*\.parquet"),
    "tofu": re.compile(
        r"(full|forget\d\d|retain\d\d|holdout\d\d|retain|real_authors|world_facts)(_perturbed)?"
        r"(\.json|/.+\.parquet)"
    ),
}
TOKENIZERS = {"tokenizer.json", "tokenizer.model", "vocab.json"}  # one of them makes a tokenizer
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"


def wanted_files(asset: Asset, files: list[Entry], read_index: Callable[[Entry], Path]) -> list[Entry]:
    """The files to fetch. `read_index` fetches the index of a sharded checkpoint, which names the shards."""
    if asset.kind == "model":
        return _model_files(asset, {entry.path: entry for entry in files}, read_index)
    wanted = [entry for entry in files if _DATASET_FILE[asset.layout].fullmatch(entry.path)]
    if wanted:
        return wanted
    raise AssetError(
        f"cannot fetch {asset.repo}", f"it has no files in the layout of {asset.layout}; it has {_few(files)}",
        "give a revision that has: --revision refs/convert/parquet is the hub's own conversion",
    )


def _model_files(asset: Asset, files: dict[str, Entry], read_index: Callable[[Entry], Path]) -> list[Entry]:
    problem = f"cannot fetch {asset.repo}"
    if "config.json" not in files:
        raise AssetError(problem, f"it has no config.json; it has {_few(list(files.values()))}", "check the revision")
    wanted = [entry for path, entry in files.items() if _MODEL_FILE.fullmatch(path)]
    if SINGLE in files:
        return [*wanted, files[SINGLE]]
    if INDEX in files:
        index = files[INDEX]
        return [*wanted, index, *_shards(asset, files, read_index(index))]
    pickles = [path for path in files if _PICKLE.fullmatch(path)]
    if pickles:
        raise AssetError(
            problem, f"its weights come only as pickles ({pickles[0]}), which can run code when they are read",
            "give a revision with safetensors, if its discussions offer one: --revision refs/pr/NUMBER; "
            "or convert it with save_pretrained where running its code does no harm",
        )
    raise AssetError(problem, f"it has neither {SINGLE} nor {INDEX}", "check the revision")


def _shards(asset: Asset, files: dict[str, Entry], index: Path) -> list[Entry]:
    """Every shard that the index names: half a checkpoint is of no use, and this is known before hours of download."""
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        broken = not names or not all(isinstance(name, str) and name.endswith(".safetensors") for name in names)
    except (ValueError, KeyError, TypeError, AttributeError):
        broken = True
    if broken:
        raise AssetError(f"cannot fetch {asset.repo}", f"its {INDEX} names no safetensors files", "check the revision")
    missing = sorted(names - files.keys())
    if missing:
        raise AssetError(
            f"cannot fetch {asset.repo}", f"{len(missing)} of {len(names)} shards are missing, such as {missing[0]}",
            "check the revision",
        )
    return [files[name] for name in sorted(names)]


def _few(files: list[Entry]) -> str:
    names = [entry.path for entry in files]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "no files"
