"""Writes the page: one file up to a size, beyond it a page with a folder of data files. A report is replaced only by a whole one."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..files import replace_file
from .chunks import pack, text_of
from .gather import Gathered, Source, columns_of
from .index import index_of
from ..thoughts import table as table_of_thoughts
from .ways_section import section_of, texts_of

LIMIT = 25_000_000  # bytes of a page that is one file
SCRIPTS = (
    "base",
    "rates",
    "data",
    "state",
    "filters",
    "colours",
    "figures",
    "dilemma",
    "heat",
    "claims",
    "overview",
    "explorer",
    "strips",
    "question",
    "beside",
    "matrix",
    "population",
    "keytokens",
    "curves",
    "along",
    "runs",
    "main",
)


@dataclass(frozen=True)
class Plan:
    """Which matrices go where."""

    folder: bool
    matrices: tuple[str, ...]  # names of chunks
    left_out: bool


def plan(made: Gathered, rest: int, limit: int, folder: bool | None) -> Plan:
    """One file with all matrices; else without those of the answer that the focus shift is not about; else a folder with all of them."""
    everything = tuple(made.matrices)
    focus = {f"c{number}-{entry['focus']}" for number, entry in enumerate(made.entries)} | {
        f"{entry['target']}-{entry['focus']}" for entry in made.entries
    }
    if not folder:
        for names in (everything, tuple(name for name in everything if name in focus)):
            if folder is False or rest + sum(len(made.matrices[name]) * 4 / 3 + 80 for name in names) <= limit:
                return Plan(False, names, len(names) < len(everything))
    return Plan(True, everything, False)


def write_page(
    made: Gathered,
    sources: Sequence[Source],
    out: Path,
    shown: Sequence[int] | None = None,
    limit: int = LIMIT,
    folder: bool | None = None,
) -> list[Path]:
    """Write OUT, and OUT's name with `_data-` and a checksum where it needs a folder; `folder` None: where it is too large for one file."""
    index, chunks, chosen, sections = planned(made, sources, shown, limit, folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    if not chosen.folder:
        replace_file(out, html(index, chunks, sections))
        _remove_folders(out, None)
        return [out]
    data = _write_folder(out, chunks)
    index["folder"] = data.name
    replace_file(out, html(index, {}, sections))
    _remove_folders(out, data)
    return [out, data]


def planned(
    made: Gathered, sources: Sequence[Source], shown: Sequence[int] | None, limit: int, folder: bool | None
) -> tuple[dict[str, Any], dict[str, bytes], Plan, dict[str, Any]]:
    """The index, the chunks that go into the report, where they go, and the sections that are made here."""
    thoughts = table_of_thoughts(made.said)
    sections = {"ways": section_of(made.ways), "thoughts": None if thoughts is None else (thoughts.caption, texts_of(thoughts))}
    chunks = {"rows": pack({}, columns_of(made)), "runs": pack({"runs": made.runs}), "vega": library_chunk(), **made.chunks}
    index = index_of(made, sources, shown) | {"ways": [] if sections["ways"] is None else sections["ways"].lines}
    rest = len(html(index | {"left_out": True, "folder": None}, chunks, sections).encode())
    chosen = plan(made, rest, limit, folder)
    index |= {"left_out": chosen.left_out, "folder": None}
    return index, chunks | {name: made.matrices[name] for name in chosen.matrices}, chosen, sections


def page_of(made: Gathered, sources: Sequence[Source], shown: Sequence[int] | None = None) -> str:
    """The page as one file."""
    index, chunks, _, sections = planned(made, sources, shown, LIMIT, False)
    return html(index, chunks, sections)


@functools.cache
def library_source() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, which draws the figures that are looked into."""
    return _vendored("vega.js")


@functools.cache
def library_chunk() -> bytes:
    """The library with its licences, for pages to unpack when a figure wants it first."""
    return pack({"source": library_source(), "licence": _vendored("vega.LICENSE")})


def _vendored(name: str) -> str:
    return (resources.files("unpact_results") / "templates" / "vendor" / name).read_text(encoding="utf-8")


def checksum(script: str) -> str:
    """A script's checksum as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def html(index: dict[str, Any], chunks: dict[str, bytes], sections: dict[str, Any]) -> str:
    """The page with its data. Every text of the results is inside JSON or a chunk; scripts show it as text alone."""
    environment = Environment(
        loader=PackageLoader("unpact_results"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    assert environment.loader is not None
    load = environment.loader.get_source
    script = '"use strict";\n' + "".join(load(environment, f"js/{name}.js")[0] for name in SCRIPTS)
    css = load(environment, "report.css")[0] + load(environment, "page.css")[0]
    content = json.dumps(index, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    data = "".join(
        f'<script type="text/plain" id="chunk-{name}">{text_of(chunk)}</script>\n' for name, chunk in chunks.items()
    )
    policy = f"script-src '{checksum(script)}' '{checksum(library_source())}'" + (" 'self' file:" if index["folder"] else "")
    return environment.get_template("page.html.j2").render(
        css=Markup(css), script=Markup(script), index=Markup(content), data=Markup(data), policy=Markup(policy), **sections
    )  # noqa: S704


def _write_folder(out: Path, chunks: dict[str, bytes]) -> Path:
    """The data files, in a folder whose name tells their content; it is there whole or not at all."""
    digest = hashlib.sha256(
        b"".join(hashlib.sha256(name.encode() + chunk).digest() for name, chunk in chunks.items())
    ).hexdigest()[:12]
    folder = out.with_name(f"{out.stem}_data-{digest}")
    if folder.is_dir():
        return folder
    made = folder.with_name(f".{folder.name}.tmp.{os.getpid()}")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    for name, chunk in chunks.items():
        (made / f"{name}.js").write_text(f'unpactData("{name}","{text_of(chunk)}");\n', encoding="ascii")
    made.rename(folder)
    return folder


def _remove_folders(out: Path, kept: Path | None) -> None:
    for folder in out.parent.glob(f"{out.stem}_data-" + "[0-9a-f]" * 12):
        if folder != kept and folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
