"""Digests all cells of one or more campaigns, in parallel where asked, and puts together what the page needs of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..campaigns import LazyCells
from ..model import Campaign, Cell
from ..reading import ResultsError, load_cell
from ..stability import DataSet
from ..strips import nice_limit
from ..table import Summary
from ..thoughts import Said
from ..ways import Way
from .digest import BIN, BINS, Digest, Digester


@dataclass
class Source:
    """A campaign under the name that the page gives it."""

    label: str
    campaign: Campaign


@dataclass
class Gathered:
    """Everything that the page shows, packed; `cells` are the digested ones in the order of the page."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    columns: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    chunks: dict[str, bytes] = field(default_factory=dict)
    matrices: dict[str, bytes] = field(default_factory=dict)
    keys: list[NDArray[np.uint8]] = field(default_factory=list)
    sizes: list[NDArray[np.int64]] = field(default_factory=list)
    targets: dict[str, DataSet] = field(default_factory=dict)
    absent: list[dict[str, Any]] = field(default_factory=list)
    histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    paths: list[Path] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)

    def add(self, digest: Digest, path: Path) -> None:
        """Take in a cell."""
        number = len(self.entries)
        self.entries.append(digest.entry)
        self.columns.append(digest.rows)
        self.runs.append(digest.run)
        self.chunks[f"c{number}"] = digest.chunk
        self.matrices |= {f"c{number}-{answer}": chunk for answer, chunk in digest.matrices.items()}
        for key, chunk in digest.shared.items():
            (self.matrices if "-" in key else self.chunks).setdefault(key, chunk)
        self.keys.append(digest.keys)
        self.sizes.append(digest.sizes)
        self.paths.append(path)
        self.histogram += digest.histogram
        self.summaries.append(digest.summary)
        self.ways += [] if digest.way is None else [digest.way]
        self.said += digest.said
        if digest.described is not None:
            self.targets.setdefault(digest.entry["target"], digest.described)


def gather(sources: Sequence[Source], jobs: int = 1) -> Gathered:
    """Digest every cell. One that cannot be read is listed with those without a result."""
    made = Gathered()
    for number, source in enumerate(sources):
        for state in source.campaign.absent:
            made.absent.append({"campaign": number, "id": state.id, "status": state.status, "note": state.note})
        for path, digest in _digests(source.campaign.cells, number, jobs):
            if isinstance(digest, str):
                made.absent.append({"campaign": number, "id": path.stem, "status": "broken", "note": digest.replace(str(path), path.name)})
            else:
                made.add(digest, path)
    return made


def _digests(cells: Sequence[Cell], campaign: int, jobs: int) -> Iterator[tuple[Path, Digest | str]]:
    if jobs > 1 and isinstance(cells, LazyCells) and len(cells) > 1:
        with ProcessPoolExecutor(min(jobs, len(cells)), initializer=_start, initargs=(campaign,)) as pool:
            yield from zip(cells.paths, pool.map(_work, cells.paths), strict=True)
        return
    digester = Digester(campaign)
    for place in range(len(cells)):
        path = cells.paths[place] if isinstance(cells, LazyCells) else cells[place].path
        try:
            digest: Digest | str = digester.digest(
                load_cell(path, lazy=True) if isinstance(cells, LazyCells) else cells[place]
            )
        except ResultsError as error:
            digest = str(error)
        yield path, digest


_worker: Digester | None = None  # of a process of the pool


def _start(campaign: int) -> None:
    global _worker
    _worker = Digester(campaign)


def _work(path: Path) -> Digest | str:
    assert _worker is not None
    try:
        return _worker.digest(load_cell(path, lazy=True))
    except ResultsError as error:
        return str(error)


def colour_limit(histogram: NDArray[np.int64]) -> float:
    """A round limit near the 98 % quantile of all sizes: the strongest colour of every strip of the page."""
    if not histogram.sum():
        return 1.0
    place = int(np.searchsorted(np.cumsum(histogram), 0.98 * histogram.sum()))
    return nice_limit(np.array([(place + 1) * BIN]))


def columns_of(gathered: Gathered) -> dict[str, NDArray[Any]]:
    """The explorer's columns, cell after cell; a column that a cell has not is 0 there."""
    names = list(dict.fromkeys(name for columns in gathered.columns for name in columns))
    lengths = [entry["size"] for entry in gathered.entries]
    found = {name: next(columns[name].dtype for columns in gathered.columns if name in columns) for name in names}
    return {
        name: np.concatenate(
            [
                columns.get(name, np.zeros(length, found[name]))
                for columns, length in zip(gathered.columns, lengths, strict=True)
            ]
        )
        for name in names
    }
