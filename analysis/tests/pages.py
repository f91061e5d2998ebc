"""Reads the data of a report, by code of its own: what the browser would get."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

TYPES = {"u1": np.uint8, "i2": np.int16, "u2": np.uint16, "i4": np.int32, "u4": np.uint32}


class Report:
    """A report in memory, or a file with a folder of data files beside it."""

    def __init__(self, page: str | Path) -> None:
        self.folder = page.parent if isinstance(page, Path) else None
        self.html = page.read_text(encoding="utf-8") if isinstance(page, Path) else page
        self.index = json.loads(
            re.search(r'<script type="application/json" id="index">(.*?)</script>', self.html, re.DOTALL)[1]
        )
        self.cells = {cell["id"]: cell for cell in self.index["cells"]}

    def number(self, cell: str) -> int:
        """Place of a cell: the name of its chunks."""
        return list(self.cells).index(cell)

    def names(self) -> list[str]:
        """Names of all chunks."""
        if self.index["folder"]:
            return sorted(path.stem for path in (self.folder / self.index["folder"]).iterdir())
        return re.findall(r'id="chunk-([^"]+)"', self.html)

    def chunk(self, name: str) -> dict:
        """Texts and arrays of a chunk by name."""
        if self.index["folder"]:
            text = re.fullmatch(
                r'unpactData\("[^"]+","([^"]*)"\);\n', (self.folder / self.index["folder"] / f"{name}.js").read_text()
            )[1]
        else:
            text = re.search(rf'id="chunk-{re.escape(name)}">([^<]*)</script>', self.html)[1]
        raw = zlib.decompress(base64.b64decode(text))
        (length,) = struct.unpack_from("<I", raw)
        header = json.loads(raw[4 : 4 + length])
        start = 4 + length + -(4 + length) % 8
        found = dict(header["content"])
        for key, (kind, offset, count) in header["arrays"].items():
            size = np.dtype(TYPES[kind]).itemsize
            planes = [raw[start + offset + plane * count : start + offset + (plane + 1) * count] for plane in range(size)]
            found[key] = np.frombuffer(bytes(byte for row in zip(*planes, strict=True) for byte in row), TYPES[kind])
        return found

    def text(self) -> str:
        """Everything that the page can show, as one text."""
        return "\n".join(
            [
                json.dumps(self.index, ensure_ascii=False),
                *(
                    json.dumps(
                        {key: value for key, value in self.chunk(name).items() if not isinstance(value, np.ndarray)},
                        ensure_ascii=False,
                    )
                    for name in self.names()
                ),
            ]
        )


def reals(values: np.ndarray, per_unit: float) -> np.ndarray:
    """Stored integers as numbers."""
    top = np.iinfo(values.dtype).max
    made = values.astype(float) / per_unit
    made[values == top], made[values == -top], made[values == -top - 1] = np.inf, -np.inf, np.nan
    return made


class Page(HTMLParser):
    """Collects elements, and checks that they nest."""

    VOID = {"meta", "br"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open and self.open.pop() == tag, tag

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]
