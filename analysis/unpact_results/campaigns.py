"""Loads campaigns: a campaign file, the folder it lies in, a folder of cells, or one cell."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import h5py

from .model import Campaign, Cell, CellStatus
from .reading import ResultsError, check_schema, load_cell, plain, schema_of, table_of

STATES = ("finished", "missing", "broken", "failed", "other")
IDENTITY = ("id", "model", "dataset", "method", "seed")
KEPT = 2  # cells that stay in memory of a campaign that is read lazily


class LazyCells(Sequence[Cell]):
    """Cells that are read when they are used, and of which the last few stay in memory. Raises ResultsError on use."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)
        self._kept: dict[int, Cell] = {}

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, place: int) -> Cell: ...
    @overload
    def __getitem__(self, place: slice) -> LazyCells: ...
    def __getitem__(self, place: int | slice) -> Cell | LazyCells:
        if isinstance(place, slice):
            return LazyCells(self.paths[place])
        place = range(len(self))[place]
        if place not in self._kept:
            self._kept[place] = load_cell(self.paths[place], lazy=True)
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[place]

    def __iter__(self) -> Iterator[Cell]:
        return (self[place] for place in range(len(self)))


def load_campaign(path: str | os.PathLike[str], lazy: bool = False) -> Campaign:
    """Read a campaign: its campaign.h5, the folder of it, a folder of cell files, or one cell file.

    Cells that are missing or cannot be read are listed in `status`, they are no error. With `lazy`, every file is looked at, but its
    content is read when a cell is used (`LazyCells`); cells that were finished after the campaign file was written count.
    """
    path = Path(path)
    if path.is_dir():
        master = path / "campaign.h5"
        return _campaign_file(master, lazy) if master.is_file() else _loose_cells(path, lazy)
    if not path.is_file():
        raise ResultsError(f"{path}: no such file or folder")
    if schema_of(path) == "unpact-cell":
        return Campaign(path, LazyCells([path]) if lazy else [load_cell(path)], [])
    return _campaign_file(path, lazy)


def folder_of(path: Path) -> Path:
    """Where the cells of a campaign file lie: beside the file itself, wherever a link to it may stand."""
    return Path(os.path.realpath(path)).parent


def _loose_cells(folder: Path, lazy: bool) -> Campaign:
    files = sorted(folder.glob("*.h5")) or sorted((folder / "cells").glob("*.h5"))
    if not files:
        raise ResultsError(f"{folder}: no campaign.h5 and no cell files in it")
    return _read_cells(
        folder,
        [CellStatus(file.stem, "", "", "", 0, "finished", str(file.relative_to(folder))) for file in files],
        {},
        lazy=lazy,
    )


def _campaign_file(path: Path, lazy: bool) -> Campaign:
    try:
        with h5py.File(path, "r") as file:
            check_schema(file, "unpact-campaign")
            table = table_of(file["status"])
            attributes = {name: plain(value) for name, value in file.attrs.items()}
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from error
    except (OSError, KeyError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be read: {error}") from error
    names = ("id", "model", "dataset", "method", "seed", "state", "file", "reason")
    rows = zip(*(table[name] for name in names), strict=True)
    status = [
        CellStatus(*row[:4], int(row[4]), STATES[row[5]] if row[5] < len(STATES) else "broken", *row[6:]) for row in rows
    ]
    if "fingerprint" in table:  # since 1.4
        status = [
            _finished_since(folder_of(path), entry, fingerprint)
            for entry, fingerprint in zip(status, table["fingerprint"], strict=True)
        ]
    return _read_cells(folder_of(path), status, attributes, path, lazy)


def _finished_since(folder: Path, entry: CellStatus, fingerprint: str) -> CellStatus:
    """A cell that was missing when the campaign file was written, and has a result of the planned settings now."""
    if entry.status != "missing" or not fingerprint or not (folder / entry.file).is_file():
        return entry
    try:
        with h5py.File(_inside(folder, entry.file), "r") as file:
            same = plain(file.attrs.get("fingerprint", "")) == fingerprint
    except (OSError, ResultsError):
        return entry
    return replace(entry, status="finished") if same else entry


def _read_cells(
    folder: Path, status: list[CellStatus], attributes: dict[str, Any], path: Path | None = None, lazy: bool = False
) -> Campaign:
    cells: list[Cell] = []
    paths: list[Path] = []
    seen = []
    for entry in status:
        if entry.status == "finished":
            try:
                file = _inside(folder, entry.file)
                if lazy:
                    entry = replace(entry, **_identity(file))
                    paths.append(file)
                else:
                    cells.append(load_cell(file))
                    entry = replace(entry, **{name: getattr(cells[-1], name) for name in IDENTITY})
            except ResultsError as error:
                entry = replace(entry, status="broken", note=str(error).replace(str(folder / entry.file), entry.file))
        seen.append(entry)
    return Campaign(path or folder, LazyCells(paths) if lazy else cells, seen, attributes)


def _identity(path: Path) -> dict[str, Any]:
    """Which cell a file is of, from its attributes alone."""
    try:
        with h5py.File(path, "r") as file:
            check_schema(file, "unpact-cell")
            found = {name: plain(file.attrs["cell_id" if name == "id" else name]) for name in IDENTITY}
    except (OSError, KeyError, ResultsError) as error:
        raise ResultsError(f"{path}: cannot be read: {error}") from error
    return found | {"seed": int(found["seed"])}


def _inside(folder: Path, name: str) -> Path:
    """A file that a campaign names, which must lie in the campaign's folder."""
    if os.path.isabs(name) or os.path.normpath(name).startswith(".."):
        raise ResultsError(f"{name!r} lies outside the campaign's folder")
    return folder / name
