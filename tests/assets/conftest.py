"""Fixtures of the tests of scripts/fetch-assets: a hub on loopback with a model and datasets made here."""

import io
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "scripts")]
from hub_server import HubServer, Repo  # noqa: E402

MODEL = ("model", "Qwen/Qwen3-14B")
NEWS = ("dataset", "muse-bench/MUSE-News")


def safetensors(values: int, start: int) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack(f"<{values}f", *range(start, start + values))


def parquet_bytes(rows: list[dict[str, object]]) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows), stream, compression="snappy")
    return stream.getvalue()


def sharded_model() -> dict[str, bytes]:
    shards = {f"model-0000{i}-of-00003.safetensors": safetensors(50_000, 10 * i) for i in (1, 2, 3)}
    index = {"metadata": {}, "weight_map": {f"w{i}": name for i, name in enumerate(shards)}}
    return shards | {
        "config.json": b'{"model_type": "qwen3"}',
        "model.safetensors.index.json": json.dumps(index).encode(),
        "tokenizer.json": b"{}",
        "original/consolidated.00.pth": b"pickle",
        "pytorch_model.bin": b"pickle",
    }


def questions(name: str, count: int) -> list[dict[str, object]]:
    """With a line separator and other text that naive writers break."""
    return [{"answer": f"{name} \u00a35 \u2028 \U0001f600 {i}", "question": f'"{name}"\n{i}?'} for i in range(count)]


def muse() -> dict[str, list[dict[str, object]]]:
    parts = {f"knowmem/{name}": questions(name, 7) for name in ("forget_qa", "retain_qa")}
    parts |= {f"knowmem/{name}_icl": questions(name, 2) for name in ("forget_qa", "retain_qa")}
    for name in ("raw/forget", "raw/retain1", "raw/retain2", "raw/holdout"):
        parts[name] = [{"text": f"{name} {i}\n\n\u00e9" * 20} for i in range(5)]
    for name in ("privleak/forget", "privleak/retain", "privleak/holdout"):
        parts[name] = [{"text": f"{name} {i}"} for i in range(5)]
    parts["verbmem/forget"] = [{"prompt": f"Once {i}", "gt": f" upon {i}"} for i in range(4)]
    return parts


def muse_repo() -> dict[str, bytes]:
    files = {f"{name}-00000-of-00001.parquet": parquet_bytes(rows) for name, rows in muse().items()}
    first, second = muse()["raw/forget"][:2], muse()["raw/forget"][2:]
    del files["raw/forget-00000-of-00001.parquet"]
    files["raw/forget-00000-of-00002.parquet"] = parquet_bytes(first)
    files["raw/forget-00001-of-00002.parquet"] = parquet_bytes(second)
    return files | {"scal/forget_1-00000-of-00001.parquet": b"not wanted", "README.md": b"# MUSE"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    from huggingface_hub import constants, file_download

    with HubServer() as server:
        server.state.repos = {MODEL: Repo(sharded_model()), NEWS: Repo(muse_repo())}
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)  # what a cut may lose
        monkeypatch.setattr(file_download.time, "sleep", lambda _: None)  # between attempts
        yield server
