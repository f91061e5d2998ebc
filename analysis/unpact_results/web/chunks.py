"""Packs numbers and texts for the page: a JSON header and typed arrays, deflated. `templates/js/data.js` reads them.

Layout before compression: uint32 length of the header, the header (UTF-8 JSON), zeros up to a multiple of 8, then the arrays, each padded to a
multiple of 8. Arrays of several bytes an element are stored byte plane by byte plane, which deflates better. All little-endian.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODES = {"uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"}
LEVEL = 6
MILLI, SHIFT, SCORE = 1000, 10_000, 10_000  # the units of numbers that are stored as integers


def pack(content: dict[str, Any], arrays: dict[str, NDArray[Any]] | None = None) -> bytes:
    """A chunk, deflated."""
    places, parts, offset = {}, [], 0
    for name, values in (arrays or {}).items():
        values = np.ascontiguousarray(values)
        code = CODES[values.dtype.name]
        raw = values.astype(values.dtype.newbyteorder("<")).view(np.uint8).reshape(len(values), values.itemsize).T.tobytes()
        places[name] = [code, offset, len(values)]
        parts.append(raw + b"\0" * (-len(raw) % 8))
        offset += len(parts[-1])
    header = json.dumps(
        {"content": content, "arrays": places}, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()
    head = len(header).to_bytes(4, "little") + header
    return zlib.compress(b"".join([head, b"\0" * (-len(head) % 8), *parts]), LEVEL)


def unpack(chunk: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `pack` packed."""
    raw = zlib.decompress(chunk)
    length = int.from_bytes(raw[:4], "little")
    header = json.loads(raw[4 : 4 + length])
    start = -(-(4 + length) // 8) * 8
    arrays = {}
    for name, (code, offset, count) in header["arrays"].items():
        size = int(code[1])
        planes = np.frombuffer(raw, np.uint8, count * size, start + offset).reshape(size, count)
        arrays[name] = np.ascontiguousarray(planes.T).view("<" + code).ravel()
    return header["content"], arrays


def text_of(chunk: bytes) -> str:
    """A chunk as ASCII."""
    return base64.b64encode(chunk).decode()


def fixed(values: NDArray[Any], per_unit: int, kind: type[np.int16 | np.int32] | None = None) -> NDArray[Any]:
    """Numbers as integers of 1/per_unit: int16 where they fit, else int32.

    The smallest integer of the type stands for NaN, the largest for +infinity, its negative for -infinity.
    """
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max()) * per_unit if len(finite) else 0.0
    kind = kind or (np.int16 if largest < 32766 else np.int32)
    top = int(np.iinfo(kind).max)
    scaled = np.nan_to_num(np.rint(values * per_unit), nan=0.0, posinf=top, neginf=-top)
    result = np.clip(scaled, -top, top).astype(kind)
    result[np.isnan(values)] = np.iinfo(kind).min
    return result


def plain_number(value: float) -> float | None:
    """A number as JSON knows it: None where it is not finite."""
    return float(value) if np.isfinite(value) else None
