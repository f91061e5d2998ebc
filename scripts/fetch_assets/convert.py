"""Parquet and JSON files of the hub in the layouts that unpact reads (include/unpact/data/dataset.hpp)."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import AssetError
from .manifest import write_atomically

Row = dict[str, Any]

# knowmem/forget_qa-00000-of-00001.parquet, or, of the hub's own conversion, knowmem/forget_qa/0000.parquet
_SHARD = re.compile(
    r"(?P<part>[^/]+)/(?P<split>[^/]+?)(-\d{5}-of-(?P<count>\d{5})(-[0-9a-f]+)?|/\d{4})\.parquet"
)
_MUSE_FIELDS = {"knowmem": ("question", "answer"), "verbmem": ("prompt", "gt"), "raw": ("text",), "privleak": ("text",)}
_MUSE_NEEDED = (("knowmem/forget_qa",), ("knowmem/retain_qa", "knowmem/retain2_qa"))


def convert(layout: str, source: Path, paths: list[str], target: Path) -> list[str]:
    """Writes the layout's files into `target` from `paths` below `source`; says which."""
    written = _CONVERSIONS[layout](source, paths)
    for name, content in written.items():
        write_atomically(target / name, content.encode())
    return list(written)


def _muse(source: Path, paths: list[str]) -> dict[str, str]:
    splits = _splits(source, paths)
    for names in _MUSE_NEEDED:
        if not any(name in splits for name in names):
            raise _broken(source, f"it has no {' or '.join(names)}")
    files = {}
    for name, shards in splits.items():
        fields = _MUSE_FIELDS[name.split("/")[0]]
        rows = [_texts(row, fields, name) for shard in shards for row in _rows(shard)]
        files[f"{name}.json"] = _json_list([row["text"] for row in rows] if fields == ("text",) else rows)
    return files


def _wmdp(source: Path, paths: list[str]) -> dict[str, str]:
    files = {}
    for name, shards in _splits(source, paths).items():
        subject = name.split("/")[0].removeprefix("wmdp-")
        rows = [_choice_question(row, name) for shard in shards for row in _rows(shard)]
        files[f"{subject}.json"] = _json_list(rows)
    return files


def _mmlu(source: Path, paths: list[str]) -> dict[str, str]:
    """A file a subject: readers take turns between them."""
    subjects: dict[str, list[Row]] = {}
    for name, shards in _splits(source, paths).items():
        for row in (row for shard in shards for row in _rows(shard)):
            subject = row.get("subject")
            if not isinstance(subject, str) or not re.fullmatch(r"\w+", subject):
                raise _broken(Path(name), "an entry does not say its subject")
            subjects.setdefault(subject, []).append(_choice_question(row, name) | {"subject": subject})
    return {f"{subject}_test.json": _json_list(rows) for subject, rows in subjects.items()}


def _corpora(source: Path, paths: list[str]) -> dict[str, str]:
    files: dict[str, list[Row]] = {}
    for path in (path for path in paths if path.endswith(".jsonl")):
        files.setdefault(Path(path).stem, []).extend(_json_rows(source / path))
    for name, shards in _splits(source, [path for path in paths if path.endswith(".parquet")]).items():
        files.setdefault(name.split("/")[-2], []).extend(row for shard in shards for row in _rows(shard))
    return {f"{name}.jsonl": _text_lines(rows, name) for name, rows in files.items()}


def _bio_forget_corpus(source: Path, paths: list[str]) -> dict[str, str]:
    """The one corpus of a repository that calls its part otherwise."""
    name = "bio-forget-corpus.jsonl"
    return {name: "".join(_corpora(source, paths).values())}


def _text_lines(rows: list[Row], where: str) -> str:
    """JSON lines of {text}; an empty document says nothing."""
    texts = [_texts(row, ("text",), where) for row in rows]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in texts if row["text"].strip())


def _tofu(source: Path, paths: list[str]) -> dict[str, str]:
    files = {}
    for path in paths:
        if path.endswith(".json"):
            files[path] = _json_lines(_json_rows(source / path), path)
    for name, shards in _splits(source, [path for path in paths if path.endswith(".parquet")]).items():
        files[f"{name.split('/')[0]}.json"] = _json_lines([row for shard in shards for row in _rows(shard)], name)
    return files


_CONVERSIONS: dict[str, Callable[[Path, list[str]], dict[str, str]]] = {
    "muse": _muse, "wmdp": _wmdp, "tofu": _tofu, "mmlu": _mmlu, "wmdp-corpora": _corpora,
    "bio-forget-corpus": _bio_forget_corpus,
}


def _broken(file: Path, reason: str) -> AssetError:
    return AssetError(f"cannot convert {file}", reason, "report this: the layout on the hub may have changed; "
                      "--revision takes an older one")


def _splits(source: Path, paths: list[str]) -> dict[str, list[Path]]:
    """Files by part/split, in order; every shard must be there."""
    splits: dict[str, list[Path]] = {}
    counts: dict[str, int] = {}
    for path in sorted(paths):
        match = _SHARD.fullmatch(path)
        if not match:
            raise _broken(source / path, "its name does not say which split it is")
        name = f"{match['part']}/{match['split']}"
        splits.setdefault(name, []).append(source / path)
        if match["count"]:
            counts[name] = int(match["count"])
    for name, count in counts.items():
        if len(splits[name]) != count:
            raise _broken(source / name, f"{len(splits[name])} of its {count} files are there")
    return splits


def _rows(file: Path) -> list[Row]:
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise AssetError("parquet files cannot be read", "pyarrow is not installed", "run scripts/setup") from error
    try:
        return parquet.ParquetFile(file).read().to_pylist()
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise _broken(file, str(error)) from error


def _json_rows(file: Path) -> list[Row]:
    """A JSON list, or JSON lines whatever the name says."""
    try:
        text = file.read_text(encoding="utf-8")
        # Not splitlines(): a line feed ends a line of JSON, but a string may hold U+2028.
        lines = [text] if text.lstrip().startswith("[") else [line for line in text.split("\n") if line.strip()]
        rows = [json.loads(line) for line in lines]
    except ValueError as error:
        raise _broken(file, str(error)) from error
    rows = rows[0] if len(rows) == 1 and isinstance(rows[0], list) else rows
    if not all(isinstance(row, dict) for row in rows):
        raise _broken(file, "an entry is no object")
    return rows


def _texts(row: Row, fields: tuple[str, ...], where: str) -> dict[str, str]:
    for field in fields:
        if not isinstance(row.get(field), str):
            raise _broken(Path(where), f"an entry has no text in '{field}'")
    return {field: row[field] for field in fields}


def _choice_question(row: Row, where: str) -> Row:
    question, choices, answer = row.get("question"), row.get("choices"), row.get("answer")
    four = isinstance(choices, list) and len(choices) == 4 and all(isinstance(choice, str) for choice in choices)
    if not isinstance(question, str) or not four or answer not in (0, 1, 2, 3):
        raise _broken(Path(where), "an entry is not a question with four choices and the answer's number, 0 to 3")
    return {"question": question, "choices": choices, "answer": int(answer)}


def _json_list(entries: list[Any]) -> str:
    return "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]\n"


def _json_lines(rows: list[Row], where: str) -> str:
    for row in rows:
        _texts(row, ("question", "answer"), where)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
