"""The configuration that uses a fetched asset: choice files as those in configs/, and what to say about them."""

import re
from pathlib import Path

from .catalogue import ASSETS, Asset
from .manifest import FILE_NAME as MANIFEST
from .manifest import write_atomically

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
_CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def write_choice_files(asset: Asset, out: Path) -> list[str]:
    """Writes models/NAME.ini or datasets/NAME.ini beside the asset's folder. Returns lines for the user."""
    if asset.kind == "model":
        return [_write(out / f"models/{asset.name}.ini", asset, _model_section(asset, out)), *_model_lines(asset, out)]
    if asset.layout == "muse":
        section = f"[dataset]\nname = {asset.name}\nkind = muse\npath = {asset.name}\n"
        return [_write(out / f"datasets/{asset.name}.ini", asset, section), "dataset.kind = muse",
                f"dataset.path = {out / asset.folder}"]
    if asset.layout == "tofu":
        return [line for percent in ("01", "05", "10") for line in _tofu_lines(asset, out, percent)]
    files = sorted((out / asset.folder).glob("*.json"))
    return [f"questions = {file}" for file in files if file.name != MANIFEST]


def _write(file: Path, asset: Asset, section: str) -> str:
    comment = f"# {asset.about}: {asset.repo}, written by scripts/fetch-assets.\n"
    write_atomically(file, (comment + section).encode())
    return f"choice file: {file}"


def _tokenizer(asset: Asset, out: Path) -> str:
    """The folder of the tokenizer, relative to the choice file, where the model's own folder has none."""
    has_own = any((out / asset.folder / name).exists() for name in _TOKENIZER_FILES)
    return "" if has_own else asset.tokenizer


def _model_section(asset: Asset, out: Path) -> str:
    tokenizer = _tokenizer(asset, out)
    section = f"[model]\nname = {asset.name}\npath = {asset.name}\n"
    if tokenizer:
        section += f"tokenizer = {tokenizer}\n"
    template = _CONFIGS / f"models/{asset.template}.ini"
    if not asset.template or not template.exists():
        return section
    prompt = re.search(r"^\[prompt\]\n(?:(?!\[).*\n?)*", template.read_text(encoding="utf-8"), re.MULTILINE)
    return section + (prompt[0] if prompt else "")


def _model_lines(asset: Asset, out: Path) -> list[str]:
    lines = [f"model.path = {out / asset.folder}"]
    tokenizer = _tokenizer(asset, out)
    if tokenizer:
        other = next(other for other in ASSETS if other.name == tokenizer)
        lines.append(f"model.tokenizer = {out / other.folder}")
        if not (out / other.folder).exists():
            lines.append(f"its repository has no tokenizer: run scripts/fetch-assets {tokenizer} too")
    return lines


def _tofu_lines(asset: Asset, out: Path, percent: str) -> list[str]:
    forget, retain = f"forget{percent}.json", f"retain{100 - int(percent)}.json"
    folder = out / asset.folder
    if not (folder / forget).exists() or not (folder / retain).exists():
        return []
    name = f"tofu-forget{percent}"
    section = f"[dataset]\nname = {name}\nkind = tofu\npath = {asset.name}/{forget}\n"
    section += f"retain_path = {asset.name}/{retain}\n"
    return [_write(out / f"datasets/{name}.ini", asset, section), "dataset.kind = tofu",
            f"dataset.path = {folder / forget}", f"dataset.retain_path = {folder / retain}"]
