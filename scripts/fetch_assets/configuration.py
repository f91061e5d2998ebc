"""The configuration that uses a fetched asset: choice files as those in configs/, and what to say about them."""

import re
from pathlib import Path

from .catalogue import Asset
from .manifest import FILE_NAME as MANIFEST
from .manifest import write_atomically

_CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def write_choice_files(asset: Asset, out: Path) -> list[str]:
    """Writes models/NAME.ini or datasets/NAME.ini beside the asset's folder. Returns lines for the user."""
    if asset.kind == "model":
        file = _write(out / f"models/{asset.name}.ini", asset, _model_section(asset))
        return [file, f"model.path = {out / asset.folder}"]
    if asset.layout == "muse":
        section = f"[dataset]\nname = {asset.name}\nkind = muse\npath = {asset.name}\n"
        return [_write(out / f"datasets/{asset.name}.ini", asset, section), "dataset.kind = muse",
                f"dataset.path = {out / asset.folder}"]
    if asset.layout == "tofu":
        return [line for percent in ("01", "05", "10") for line in _tofu_lines(asset, out, percent)]
    if asset.layout == "mmlu":
        return ["dataset.kind = wmdp (or mmlu)", f"dataset.retain_path = {out / asset.folder}"]
    if asset.layout.endswith(("corpora", "corpus")):
        return [f"dataset.{'forget' if 'forget' in file.name else 'retain'}_texts = {file}"
                for file in sorted((out / asset.folder).glob("*.jsonl"))]
    files = sorted((out / asset.folder).glob("*.json"))
    return ["dataset.kind = wmdp", *(f"dataset.path = {file}" for file in files if file.name != MANIFEST)]


def _write(file: Path, asset: Asset, section: str) -> str:
    comment = f"# {asset.about}: {asset.repo}, written by scripts/fetch-assets.\n"
    write_atomically(file, (comment + section).encode())
    return f"choice file: {file}"


def _model_section(asset: Asset) -> str:
    """How it is asked is its template's, which blocks RMU takes that of the choice file of its name."""
    parts = [f"[model]\nname = {asset.name}\npath = {asset.name}\n"]
    parts += [_section("prompt", asset.template), _section("method", asset.name)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts if part)


def _section(name: str, choice: str) -> str:
    file = _CONFIGS / f"models/{choice}.ini"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    found = re.search(rf"^\[{name}\]\n(?:(?!\[).*\n?)*", text, re.MULTILINE)
    return found[0] if found else ""


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
