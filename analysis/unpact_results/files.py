"""Writes files whole."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: str | bytes) -> None:
    """Write a file under another name and rename it: it is the old one or the whole new one."""
    made = path.with_name(f".{path.name}.tmp.{os.getpid()}")
    try:
        made.write_bytes(content.encode("utf-8", "replace") if isinstance(content, str) else content)
        os.replace(made, path)
    finally:
        made.unlink(missing_ok=True)
