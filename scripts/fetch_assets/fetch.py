"""Fetching one asset: verify what is there, download what is missing or damaged, convert, verify, record."""

import shutil
from collections.abc import Callable
from pathlib import Path

from .catalogue import Asset
from .convert import convert
from .errors import AssetError
from .hub import Hub
from .manifest import Entry, Manifest, digests, read_manifest, write_atomically
from .selection import TOKENIZER_FILES, TOKENIZERS, wanted_files

_PARTS = ".partial"  # folder of what is not complete yet, by checksum
_MARGIN = 64 << 20  # bytes that stay free
_CONVERTED_RATIO = 6  # of JSON to compressed parquet, at most

Say = Callable[[str], None]


def fetch(asset: Asset, out: Path, hub: Hub, revision: str | None, say: Say) -> Manifest:
    """Brings the asset's folder below `out` to what its manifest says, or to the hub's state where it has none."""
    folder = out / asset.folder
    manifest = _usable_manifest(folder, asset, revision)
    if manifest and manifest.complete and not _wants_tokenizer(asset, manifest):
        damaged = manifest.damaged(folder)
        if not damaged:
            say(f"{len(manifest.files)} files are here and intact (commit {manifest.commit[:12]})")
            return manifest
        for entry in damaged:
            say(f"missing or damaged: {entry.path}")
    if not manifest:
        manifest = _plan(asset, folder, hub, revision or "main")
    source = folder if asset.kind == "model" else folder / "hub"
    manifest.complete = False
    _download_missing(asset, manifest, folder, source, hub, say)
    if asset.kind == "dataset":
        _convert(asset, manifest, folder, source, say)
    else:
        _borrow_tokenizer(asset, manifest, folder, out, say)
    manifest.complete = True
    manifest.write(folder)
    shutil.rmtree(folder / _PARTS, ignore_errors=True)
    say(f"{len(manifest.files)} files fetched and verified (commit {manifest.commit[:12]})")
    return manifest


def _usable_manifest(folder: Path, asset: Asset, revision: str | None) -> Manifest | None:
    """What an earlier run recorded: without a revision that run's commit stays, so that results stay comparable."""
    manifest = read_manifest(folder)
    if manifest and manifest.repo != asset.repo:
        raise AssetError(f"{folder} holds another asset", f"it is {manifest.repo}", "give another folder with --out")
    return manifest if manifest and revision in (None, manifest.revision, manifest.commit) else None


def _plan(asset: Asset, folder: Path, hub: Hub, revision: str) -> Manifest:
    listing = hub.listing(asset.repo, asset.kind, revision)

    def read_index(entry: Entry) -> Path:
        _download(asset, listing.commit, entry, folder, "", hub)
        return folder / entry.path

    prefix = "" if asset.kind == "model" else "hub/"
    wanted = wanted_files(asset, listing.files, read_index)
    files = [Entry(prefix + entry.path, entry.size, entry.sha256, entry.git_sha1) for entry in wanted]
    return Manifest(asset.name, asset.repo, revision, listing.commit, files=files)


def _download_missing(asset: Asset, manifest: Manifest, folder: Path, source: Path, hub: Hub, say: Say) -> None:
    missing = [entry for entry in manifest.hub_files() if not entry.is_intact(folder)]
    _require_space(asset, folder, sum(entry.size for entry in missing))
    manifest.write(folder)
    prefix = "" if source == folder else "hub/"
    for number, entry in enumerate(missing, start=1):
        say(f"[{number}/{len(missing)}] {entry.path.removeprefix(prefix)} ({entry.size / 1e6:.1f} MB)")
        _download(asset, manifest.commit, entry, folder, prefix, hub)
        entry.sha256 = digests(folder / entry.path)[0]
        manifest.write(folder)
    for entry in manifest.hub_files():
        entry.sha256 = entry.sha256 or digests(folder / entry.path)[0]


def _require_space(asset: Asset, folder: Path, missing: int) -> None:
    needed = missing * (1 + (_CONVERTED_RATIO if asset.kind == "dataset" else 0)) + _MARGIN
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if missing and free < needed:
        raise AssetError(
            f"cannot fetch {asset.repo}", f"{needed / 1e9:.1f} GB are needed in {folder}, {free / 1e9:.1f} GB are free",
            "free some space, or give another folder with --out",
        )


def _download(asset: Asset, commit: str, entry: Entry, folder: Path, prefix: str, hub: Hub) -> None:
    """One file, checked before it gets its name. What went on from a damaged part is fetched afresh once."""
    if entry.is_intact(folder):
        return
    file = folder / entry.path
    part = Entry(f"{_PARTS}/{entry.sha256 or entry.git_sha1}", entry.size, entry.sha256, entry.git_sha1)
    remote = Entry(entry.path.removeprefix(prefix), entry.size)
    for _ in range(2):
        hub.download(asset.repo, asset.kind, commit, remote, folder / part.path)
        if part.is_intact(folder):
            file.parent.mkdir(parents=True, exist_ok=True)
            (folder / part.path).replace(file)
            return
        (folder / part.path).unlink()
    raise AssetError(
        f"cannot fetch {asset.repo}: {remote.path}", "its checksum is wrong after two downloads",
        "run this again later; if it stays so, a proxy or mirror changes files",
    )


def _convert(asset: Asset, manifest: Manifest, folder: Path, source: Path, say: Say) -> None:
    paths = [entry.path.removeprefix("hub/") for entry in manifest.hub_files()]
    written = convert(asset.layout, source, paths, folder)
    say(f"converted to {len(written)} JSON files")
    manifest.files = manifest.hub_files() + [_entry_of(folder, name) for name in written]


def _entry_of(folder: Path, name: str) -> Entry:
    return Entry(name, (folder / name).stat().st_size, digests(folder / name)[0], converted=True)


def _wants_tokenizer(asset: Asset, manifest: Manifest) -> bool:
    return bool(asset.tokenizer) and not any(entry.path in TOKENIZERS for entry in manifest.files)


def _borrow_tokenizer(asset: Asset, manifest: Manifest, folder: Path, out: Path, say: Say) -> None:
    """Copies the base model's tokenizer beside weights that came without one, if that model is here."""
    manifest.files = manifest.hub_files()
    if not _wants_tokenizer(asset, manifest):
        return
    base = out / f"models/{asset.tokenizer}"
    names = [name for name in TOKENIZER_FILES if (base / name).is_file()]
    if not set(names) & TOKENIZERS:
        say(f"its repository has no tokenizer: run scripts/fetch-assets {asset.tokenizer} {asset.name} to take one")
        return
    for name in names:
        write_atomically(folder / name, (base / name).read_bytes())
    manifest.files += [_entry_of(folder, name) for name in names]
    say(f"tokenizer of {asset.tokenizer} put beside it")
