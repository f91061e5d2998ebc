"""scripts/fetch-assets against a hub on loopback: whole runs, cut ones, damage, refusals, and what is written."""

import json
import os
import re
import shutil
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest
from conftest import MODEL, NEWS, ROOT, muse, parquet_bytes, questions
from fetch_assets.__main__ import main
from fetch_assets.catalogue import ASSETS, SETS, choose
from hub_server import COMMIT, HubServer, Repo

SHARD = "model-00002-of-00003.safetensors"


def run(out: Path, *arguments: str) -> int:
    return main([*arguments, "--out", str(out)])


def refused(out: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Runs a fetch that must fail; returns its one message, whose three parts are there."""
    assert run(out, *arguments) == 1
    message = capsys.readouterr().err
    assert re.fullmatch(r"error: .+\n  reason: .+\n  hint: .+\n", message), message
    return message


def test_a_model_is_fetched_whole_and_without_pickles(hub: HubServer, tmp_path: Path) -> None:
    assert run(tmp_path, "qwen3-14b") == 0
    folder, files = tmp_path / "models/qwen3-14b", hub.state.repos[MODEL].files
    wanted = {name for name in files if not name.endswith((".bin", ".pth"))}
    assert {file.name for file in folder.iterdir()} == wanted | {"manifest.json"}
    assert all((folder / name).read_bytes() == files[name] for name in wanted)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["commit"] == COMMIT and manifest["complete"]
    assert {entry["path"]: entry["size"] for entry in manifest["files"]} == {name: len(files[name]) for name in wanted}
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in manifest["files"])
    choice = (tmp_path / "models/qwen3-14b.ini").read_text()
    assert "[model]\nname = qwen3-14b\npath = qwen3-14b\n\n[prompt]\n" in choice
    assert "generation_prefix = <think>\\n\\n</think>\\n\\n\n" in choice
    assert "\n[method]\n" in choice and "trained_layers = 7,8,9\n" in choice, "RMU's blocks of this model"


def test_the_script_itself_says_what_to_configure(hub: HubServer, tmp_path: Path) -> None:
    script = ROOT / "scripts/fetch-assets"
    done = subprocess.run([script, "muse-news", "--out", tmp_path], env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"dataset.path = {tmp_path}/datasets/muse-news" in done.stdout
    listed = subprocess.run([script, "--list"], env=os.environ, capture_output=True, text=True, check=True).stdout
    assert listed.count("\n") == len(ASSETS) + len(SETS) and "meta-llama/Llama-2-7b-hf" in listed
    assert "gated: Llama 3.1 Community License" in listed


def test_muse_becomes_the_json_that_its_parquet_says(hub: HubServer, tmp_path: Path) -> None:
    assert run(tmp_path, "muse-bench/MUSE-News") == 0
    folder = tmp_path / "datasets/muse-news"
    for name, rows in muse().items():
        texts = name.split("/")[0] in ("raw", "privleak")
        expected = [row["text"] for row in rows] if texts else rows
        assert json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) == expected
    assert not (folder / "scal").exists()
    assert "kind = muse\npath = muse-news" in (tmp_path / "datasets/muse-news.ini").read_text()


def test_tofu_keeps_every_row_as_a_json_line(hub: HubServer, tmp_path: Path) -> None:
    rows = questions("author", 5)
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    listed = json.dumps(rows).encode()
    files = {"forget10.json": lines, "retain90.json": listed, "README.md": b"#"}
    files["forget05/train-00000-of-00001.parquet"] = parquet_bytes(rows)
    hub.state.repos["dataset", "locuslab/TOFU"] = Repo(files)
    assert run(tmp_path, "tofu") == 0
    for name in ("forget10", "retain90", "forget05"):
        text = (tmp_path / f"datasets/tofu/{name}.json").read_text(encoding="utf-8")
        assert [json.loads(line) for line in text.split("\n")[:-1]] == rows
    choice = (tmp_path / "datasets/tofu-forget10.ini").read_text()
    assert "path = tofu/forget10.json\nretain_path = tofu/retain90.json\n" in choice
    assert not (tmp_path / "datasets/tofu-forget05.ini").exists()  # retain95 is not there


def test_wmdp_becomes_a_list_per_subject(hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"answer": i % 4, "question": f"q{i}", "choices": list("abcd"), "note": "dropped"} for i in range(6)]
    files = {f"wmdp-{name}/test-00000-of-00001.parquet": parquet_bytes(rows) for name in ("bio", "chem", "cyber")}
    hub.state.repos["dataset", "cais/wmdp"] = Repo(files)
    assert run(tmp_path, "wmdp") == 0
    assert f"dataset.path = {tmp_path}/datasets/wmdp/bio.json" in capsys.readouterr().out
    written = json.loads((tmp_path / "datasets/wmdp/cyber.json").read_text())
    assert written == [{key: row[key] for key in ("question", "choices", "answer")} for row in rows]


def test_mmlu_becomes_a_file_per_subject(hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"answer": i % 4, "question": f"q{i}", "choices": list("abcd"), "subject": ("us_law", "art")[i % 2]} for i in range(6)]
    files = {"all/test-00000-of-00001.parquet": parquet_bytes(rows), "all/dev-00000-of-00001.parquet": b"not wanted",
             "us_law/test-00000-of-00001.parquet": b"not wanted"}
    hub.state.repos["dataset", "cais/mmlu"] = Repo(files)
    assert run(tmp_path, "mmlu") == 0
    folder = tmp_path / "datasets/mmlu"
    assert f"dataset.retain_path = {folder}" in capsys.readouterr().out
    assert {file.name for file in folder.glob("*_test.json")} == {"us_law_test.json", "art_test.json"}
    assert json.loads((folder / "us_law_test.json").read_text()) == [{**row} for row in rows[::2]]
    hub.state.repos["dataset", "cais/mmlu"] = Repo({"all/test-00000-of-00001.parquet": parquet_bytes([rows[0] | {"subject": "../x"}])})
    shutil.rmtree(folder)
    assert "does not say its subject" in refused(tmp_path, capsys, "mmlu")


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_corpora_become_json_lines(hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    rows = [{"text": f"a \u2028 document\n{i}", "title": "t"} for i in range(3)] + [{"text": " ", "title": "empty"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    names = ("bio-retain-corpus", "cyber-forget-corpus", "cyber-retain-corpus")
    files = {f"{name}/train-00000-of-00001.parquet": parquet_bytes(rows) for name in names}
    bio = {"data/train-00000-of-00001.parquet": parquet_bytes(rows)}
    if form == "jsonl":
        files, bio = {f"{name}.jsonl": lines for name in names}, {"bio-forget-corpus.jsonl": lines}
    hub.state.repos["dataset", "cais/wmdp-corpora"] = Repo(files)
    hub.state.repos["dataset", "cais/wmdp-bio-forget-corpus"] = Repo(bio)
    assert run(tmp_path, "wmdp-corpora", "wmdp-bio-forget-corpus") == 0
    forget = tmp_path / "datasets/wmdp-bio-forget-corpus/bio-forget-corpus.jsonl"
    assert f"dataset.forget_texts = {forget}" in capsys.readouterr().out
    for file in [forget] + [tmp_path / f"datasets/wmdp-corpora/{name}.jsonl" for name in names]:
        written = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n")[:-1]]
        assert written == [{"text": row["text"]} for row in rows[:3]]


def test_the_paper_is_all_that_its_configuration_reads(hub: HubServer) -> None:
    """Every path of configs/ that leads to assets/ is one of a catalogued asset, and scripts/fetch-assets paper brings it."""
    fetched = {asset.folder for asset in choose(["paper"])}
    text = "".join(file.read_text() for file in [ROOT / "configs/paper.ini", *(ROOT / "configs").glob("[dm]*s/*.ini")])
    named = set(re.findall(r"assets/((?:models|datasets)/[^/\s]+)", text))
    assert named and named <= fetched, named - fetched
    controls = {"models/muse-news-retrain", "models/muse-books-retrain", "models/llama3.2-1b-instruct", "models/tofu-1b-target",
                "models/tofu-1b-retain90", "datasets/tofu"}
    assert controls <= fetched
    assert len({asset.name for asset in ASSETS}) == len(ASSETS) and not set(SETS) & {asset.name for asset in ASSETS}


def test_what_is_gated_is_said_first(
    hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tmp_path, "llama2-7b", "qwen3-14b", "wmdp-bio-forget-corpus") == 1
    first = capsys.readouterr().out.split("==")[0]
    assert "2 of these 3 are gated" in first and "HF_TOKEN" in first
    assert f"{hub.endpoint}/meta-llama/Llama-2-7b-hf  Llama 2 Community License" in first
    assert f"{hub.endpoint}/datasets/cais/wmdp-bio-forget-corpus" in first and "Qwen" not in first
    monkeypatch.setenv("HF_TOKEN", "good")
    run(tmp_path, "llama2-7b")
    assert "are gated" not in capsys.readouterr().out
    monkeypatch.delenv("HF_TOKEN")
    assert run(tmp_path, "qwen3-14b") == 0
    assert "are gated" not in capsys.readouterr().out


def test_a_cut_connection_is_resumed_within_a_run(hub: HubServer, tmp_path: Path) -> None:
    hub.state.cuts[SHARD] = [70_000, 0, 50_000]
    assert run(tmp_path, "qwen3-14b") == 0
    ranges = [span for _, path, span in hub.state.requests if path.endswith(SHARD)]
    assert ranges == ["", "bytes=70000-", "bytes=70000-", "bytes=120000-"]


def test_a_cut_run_is_resumed_by_the_next_one(
    hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.state.cuts[SHARD] = [70_000] + [0] * 20
    assert "goes on where it ended" in refused(tmp_path, capsys, "qwen3-14b")
    assert not (tmp_path / "models/qwen3-14b" / SHARD).exists()
    hub.state.cuts.clear()
    hub.state.requests.clear()
    assert run(tmp_path, "qwen3-14b") == 0
    assert [span for _, path, span in hub.state.requests if path.endswith(SHARD)] == ["bytes=70000-"]
    assert "model-00001-of-00003.safetensors" not in hub.state.fetched()
    assert (tmp_path / "models/qwen3-14b" / SHARD).read_bytes() == hub.state.repos[MODEL].files[SHARD]


def test_a_second_run_verifies_and_asks_nothing_of_the_hub(hub: HubServer, tmp_path: Path) -> None:
    assert run(tmp_path, "qwen3-14b", "muse-news") == 0
    hub.state.requests.clear()
    assert run(tmp_path, "qwen3-14b", "muse-news") == 0
    assert hub.state.requests == []


def test_damaged_and_missing_files_are_fetched_again(hub: HubServer, tmp_path: Path) -> None:
    assert run(tmp_path, "qwen3-14b") == 0
    folder = tmp_path / "models/qwen3-14b"
    content = bytearray((folder / SHARD).read_bytes())
    content[1000] ^= 1
    (folder / SHARD).write_bytes(content)
    (folder / "config.json").unlink()
    hub.state.requests.clear()
    assert run(tmp_path, "qwen3-14b") == 0
    assert sorted(hub.state.fetched()) == ["config.json", SHARD]
    assert (folder / SHARD).read_bytes() == hub.state.repos[MODEL].files[SHARD]


def test_a_damaged_converted_file_is_converted_again_without_the_hub(hub: HubServer, tmp_path: Path) -> None:
    assert run(tmp_path, "muse-news") == 0
    file = tmp_path / "datasets/muse-news/raw/forget.json"
    before = file.read_bytes()
    file.write_bytes(before[:100])
    hub.state.requests.clear()
    assert run(tmp_path, "muse-news") == 0
    assert file.read_bytes() == before and hub.state.requests == []


def test_wrong_content_is_tried_once_more_and_never_kept(
    hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.state.wrong["config.json"] = 2
    assert "checksum is wrong" in refused(tmp_path, capsys, "qwen3-14b")
    assert not (tmp_path / "models/qwen3-14b/config.json").exists()
    hub.state.wrong["config.json"] = 1
    assert run(tmp_path, "qwen3-14b") == 0


def test_a_gated_model_says_how_to_get_in(
    hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.state.repos[MODEL].gated = True
    message = refused(tmp_path, capsys, "qwen3-14b")
    assert "gated" in message and "HTTP 401" in message and "HF_TOKEN" in message and "licence" in message
    monkeypatch.setenv("HF_TOKEN", "bad")
    assert "HTTP 403; the token is not of a user who did" in refused(tmp_path, capsys, "qwen3-14b")
    monkeypatch.setenv("HF_TOKEN", "good")
    assert run(tmp_path, "qwen3-14b") == 0


def test_what_is_not_there_is_said(hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such repository" in refused(tmp_path, capsys, "tofu")
    assert "no revision 'v9'" in refused(tmp_path, capsys, "qwen3-14b", "--revision", "v9")
    assert "'gpt5' is no asset" in refused(tmp_path, capsys, "gpt5")
    del hub.state.repos[MODEL].files[SHARD]
    assert f"1 of 3 shards are missing, such as {SHARD}" in refused(tmp_path, capsys, "qwen3-14b")
    hub.state.repos[NEWS] = Repo({"train.csv": b"a,b"})
    assert "no files in the layout of muse; it has train.csv" in refused(tmp_path, capsys, "muse-news")


def test_a_repository_of_pickles_is_refused(
    hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.state.repos[MODEL] = Repo({"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    message = refused(tmp_path, capsys, "qwen3-14b")
    assert "only as pickles (pytorch_model.bin)" in message and hub.state.fetched() == []


def test_files_outside_of_the_folder_are_refused(
    hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.state.repos[MODEL].files["../../config.json"] = b"{}"
    assert "outside of its folder" in refused(tmp_path, capsys, "qwen3-14b")


def test_too_little_space_is_said_before_the_download(
    hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 50_000_000))
    assert "0.1 GB are free" in refused(tmp_path, capsys, "qwen3-14b")
    assert hub.state.fetched() == ["model.safetensors.index.json"]  # says which files are wanted


def test_a_broken_parquet_file_is_named(hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "knowmem/forget_qa-00000-of-00001.parquet"
    hub.state.repos[NEWS].files[name] = b"PAR1 broken"
    assert name in refused(tmp_path, capsys, "muse-news")
    hub.state.repos[NEWS].files[name] = parquet_bytes([{"question": "q"}])
    shutil.rmtree(tmp_path / "datasets")
    assert "no text in 'answer'" in refused(tmp_path, capsys, "muse-news")


def test_one_failure_does_not_keep_the_others(hub: HubServer, tmp_path: Path) -> None:
    assert run(tmp_path, "tofu", "muse-news") == 1
    assert (tmp_path / "datasets/muse-news/knowmem/forget_qa.json").exists()


def test_a_model_without_a_tokenizer_is_given_its_base_models(
    hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = dict(hub.state.repos[MODEL].files)
    hub.state.repos["model", "meta-llama/Llama-2-7b-hf"] = Repo(dict(files))
    del files["tokenizer.json"]
    hub.state.repos["model", "muse-bench/MUSE-News_target"] = Repo(files)
    assert run(tmp_path, "muse-news-target") == 0
    assert "run scripts/fetch-assets llama2-7b muse-news-target" in capsys.readouterr().out
    assert run(tmp_path, "llama2-7b", "muse-news-target") == 0
    borrowed = tmp_path / "models/muse-news-target/tokenizer.json"
    assert borrowed.read_bytes() == b"{}"
    borrowed.write_bytes(b"[]")
    hub.state.requests.clear()
    assert run(tmp_path, "muse-news-target") == 0
    assert borrowed.read_bytes() == b"{}" and hub.state.requests == []
