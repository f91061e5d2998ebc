"""The jobs beside the campaign do what their help says."""
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from unpact_program import Program, cells_of, differing

Tool = Callable[..., subprocess.CompletedProcess]


def said(text: str) -> dict[str, str]:
    """name: value lines; what is indented goes on from the line above."""
    return {name: value.strip() for name, value in (line.split(":", 1) for line in text.splitlines() if not line.startswith(" "))}


def test_unlearn_writes_a_model_in_the_target_s_layout(unlearned: Path, target: Path) -> None:
    files = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json", "unlearning.json"}
    assert {path.name for path in unlearned.iterdir()} == files
    assert (unlearned / "tokenizer.model").read_bytes() == (target / "tokenizer.model").read_bytes()
    assert (unlearned / "model.safetensors").read_bytes() != (target / "model.safetensors").read_bytes()
    assert (unlearned.parent / "logs/rank-0001.log").exists()


def test_unlearning_on_two_ranks_is_what_the_campaign_does(unlearned: Path, campaign: Path, unpact: Program, home: Path, target: Path,
                                                           tmp_path: Path, results_tool: Tool) -> None:
    """evaluate says of the unlearned model what the campaign's cell of the same method says."""
    unpact.well("evaluate", "--config", home / "configs/tiny.ini", "--method", "ga_gd", "--unlearned", unlearned, "--output", tmp_path / "out",
                ranks=2)
    name = "tiny__tiny__ga_gd__seed3.h5"
    assert list(cells_of(tmp_path / "out")) == [name]
    checked = results_tool("validate", tmp_path / "out/campaign.h5", tmp_path / "out/cells" / name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with h5py.File(campaign / "cells" / name) as one, h5py.File(tmp_path / "out/cells" / name) as other:
        for key in ("target/answer", "unlearned/answer", "outcome/class", "rates/count"):
            assert list(one[key][:]) == list(other[key][:]), key


def test_attribute_writes_the_target_s_answers_and_contributions(unpact: Program, home: Path, campaign: Path, tmp_path: Path,
                                                                 results_tool: Tool) -> None:
    text = unpact.well("attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", ranks=2).out
    file = tmp_path / "out/baselines/tiny__tiny.h5"
    assert str(tmp_path / "out/baselines") in text
    assert results_tool("validate", file).returncode == 0
    assert differing(file, campaign / "baselines/tiny__tiny.h5") == []


def test_engines_agree(unpact: Program, home: Path, campaign: Path, tmp_path: Path) -> None:
    unpact.well("attribute", "--config", home / "configs/tiny.ini", "--attribution.engine", "reference", "--output", tmp_path / "out")
    with h5py.File(campaign / "baselines/tiny__tiny.h5") as one, h5py.File(tmp_path / "out/baselines/tiny__tiny.h5") as other:
        for answer in ("gold", "own"):
            key = f"target/{answer}/contributions/values"
            assert abs(one[key][:] - other[key][:]).max() < 1e-4
        spent, naive = (int(sum(one[f"work/{column}"][:])) for column in ("positions", "positions_naive"))
        assert 0 < spent < naive, "the shared prefix must save positions"


def test_finetune_starts_from_a_given_model(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """A reinforced model: the target, further on the forget set alone."""
    (home / "configs/reinforce.ini").write_text("[run]\ndevice = cpu\nthreads = 1\n[dataset]\npath = ../tiny\n[finetune]\nsets = forget\nepochs = 1\n")
    text = unpact.well("finetune", "--config", home / "configs/reinforce.ini", "--model", target, "--output", tmp_path / "out", ranks=2).out
    assert "on 6 examples, 2 rank(s)" in text
    assert (tmp_path / "out/model/tokenizer.model").read_bytes() == (target / "tokenizer.model").read_bytes()


def test_collect_builds_the_master_file_again(unpact: Program, campaign: Path, tmp_path: Path, results_tool: Tool) -> None:
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    (folder / "campaign.h5").unlink()
    for _ in range(2):  # again is harmless
        assert "8 cell(s) finished, 0 missing, 0 broken" in unpact.well("collect", "--output", folder, ranks=2).out
        assert results_tool("validate", folder / "campaign.h5").returncode == 0
        assert differing(campaign / "campaign.h5", folder / "campaign.h5") == []


def test_collect_lists_a_broken_cell_and_goes_on(unpact: Program, campaign: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    torn = cells_of(folder)["tiny__tiny__ga__seed3.h5"]
    torn.write_bytes(torn.read_bytes()[:30000])
    assert "7 cell(s) finished, 0 missing, 1 broken" in unpact.well("collect", "--output", folder).out
    with h5py.File(folder / "campaign.h5") as file:
        state = dict(zip(file["status/id"].asstr()[:], file["status/state"][:], strict=True))
        assert state["tiny__tiny__ga__seed3"] == 2
        assert len(file["metrics/id"]) == 7


@pytest.mark.parametrize("ranks", [1, 2])
def test_inspect_model(unpact: Program, target: Path, ranks: int) -> None:
    text = said(unpact.well("inspect", "model", target, ranks=ranks).out)
    assert text["architecture"].lower().startswith("llama") and text["parameters"].startswith("44192")
    assert text["verdict"].startswith("complete") and "400 pieces" in text["tokenizer"]


def test_inspect_tokenizer_dataset_and_machine(unpact: Program, home: Path, target: Path) -> None:
    text = said(unpact.well("inspect", "tokenizer", target).out)
    assert text["vocabulary"] == "400 pieces" and text["BOS"].startswith("1 ") and text["EOS"].startswith("2 ")
    text = said(unpact.well("inspect", "dataset", home / "tiny").out)
    assert text["forget questions"].startswith("6,") and text["retain texts"] == "6" and text["focus questions"] == "1"
    text = said(unpact.well("inspect", "machine", ranks=2).out)
    assert text["ranks"] == "2" and text["torch"].startswith("2.")
    assert text["rank 0"].startswith("host ") and text["rank 1"].endswith(" s") and ", clock " in text["rank 1"]


def test_inspect_results(unpact: Program, campaign: Path, tmp_path: Path) -> None:
    cell = cells_of(campaign)["tiny__tiny__npo_gd__seed3.h5"]
    text = said(unpact.well("inspect", "results", cell).out)
    assert text["cell"] == "tiny__tiny__npo_gd__seed3" and text["questions"] == "12" and text["target_right_forget"].startswith("6/6")
    for broken in (tmp_path / "none.h5", home_file(tmp_path), tmp_path):
        ended = unpact("inspect", "results", broken)
        assert ended.code == 1 and str(broken) in ended.message()


def test_inspect_a_campaign_s_results(unpact: Program, campaign: Path, methods: list[str], tmp_path: Path) -> None:
    """The table that the campaign itself printed, from its master file; then each cell's stages beside their plan."""
    text = unpact.well("inspect", "results", campaign / "campaign.h5").out
    head, table, metrics, *cells = text.split("\n\n")
    assert metrics.startswith("metric (target's in brackets)") and len(metrics.splitlines()) == len(table.splitlines())
    assert len(cells) == 8 and all(cell.startswith("cell: ") and cell.count("  planned: ") >= 4 for cell in cells)
    assert "8 finished, 0 missing or broken" in head
    rows = table.splitlines()
    assert rows[0].split()[:3] == ["cell", "forget", "right"] and [row.split()[0] for row in rows[1:]] == [
        f"tiny__tiny__{method}__seed3" for method in sorted(methods)]
    with h5py.File(campaign / "campaign.h5") as file:
        for row, count, total in zip(rows[1:], file["metrics/destructive_held_out_count"], file["metrics/destructive_held_out_total"], strict=True):
            assert row.rstrip().endswith(f"({count}/{total})" if total else "-")
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    cells_of(folder)["tiny__tiny__ga__seed3.h5"].write_bytes(b"torn")
    unpact.well("collect", "--output", folder)
    text = unpact.well("inspect", "results", folder / "campaign.h5").out
    assert "7 finished, 1 missing or broken" in text and "not finished:          tiny__tiny__ga__seed3, broken: " in text
    torn = folder / "campaign.h5"
    torn.write_bytes(torn.read_bytes()[:-200])
    ended = unpact("inspect", "results", torn)
    assert ended.code == 1 and str(torn) in ended.message()


def test_inspect_a_campaign_s_folder(unpact: Program, campaign: Path, results_tool: Tool, tmp_path: Path) -> None:
    """The table of the Python package, to the letter, by other code: C++ adds the stored rates, Python counts the questions again."""
    folder = Path(shutil.copytree(campaign, tmp_path / "copy"))
    cells_of(folder)["tiny__tiny__ga__seed3.h5"].unlink()
    unpact.well("collect", "--output", folder)
    text = unpact.well("inspect", "results", folder).out
    assert text.startswith("7 of 8 cells finished\n") and ["ga", "0", "1", "missing"] in [line.split() for line in text.splitlines()]
    assert text == results_tool("table", folder).stdout
    whole = unpact.well("inspect", "results", campaign, "--watch", "1").out  # settled: it does not wait
    assert whole.startswith("8 of 8 cells finished\n") and max(map(len, whole.splitlines())) <= 100
    for arguments, says in ((("results", campaign / "campaign.h5", "--watch"), "it is no campaign's folder"), (("machine", "--watch", "5"), "only the results")):
        ended = unpact("inspect", *arguments)
        assert ended.code == 1 and says in ended.message()


def test_inspect_tokenizer_encodes_lines(unpact: Program, target: Path, tmp_path: Path) -> None:
    """Ids as sentencepiece gives them, byte offsets, the text again; a bad line is said to be one and the rest goes on."""
    sentencepiece = pytest.importorskip("sentencepiece")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(target / "tokenizer.model"))
    texts = ["Who bakes the bread of Amber Lane?", "Jörg – 東京 \n", "", "  two  spaces ", "a\u2581b"]
    lines = [json.dumps(texts[0]), "garbage", json.dumps({"text": texts[1]}), '{"txt": "x"}', "", '{"text": 7}', json.dumps(texts[2]),
             json.dumps({"text": texts[3], "add_special": True}), '"\\ud800"', "[" * 100, '{"text": "a", "add_special": "yes"}', json.dumps(texts[4])]
    bad = [2, 4, 6, 9, 10, 11]
    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    ended = unpact("inspect", "tokenizer", target, "--input", file)
    assert ended.code == 1
    assert (again := unpact("inspect", "tokenizer", target, "--input", "-", stdin=file.read_text(encoding="utf-8"))).out == ended.out and again.code == 1
    replies = ended.json_lines()
    errors = [reply for reply in replies if "error" in reply]
    assert [reply["line"] for reply in errors] == bad and all(reply.keys() == {"line", "error"} and reply["error"] for reply in errors)
    assert not any(reply["error"].startswith("line") for reply in errors), "the number is said once"
    assert "'text'" in errors[1]["error"] and "'add_special'" in errors[-1]["error"]
    for text, reply in zip(texts, (reply for reply in replies if "ids" in reply), strict=True):
        special = text == texts[3]
        expected = [1] * special + processor.encode(text)
        assert reply["ids"] == expected and reply["decoded"] == text.replace("\u2581", " ")
        assert len(reply["pieces"]) == len(reply["offsets"]) == len(expected)
        spans = reply["offsets"][special:]
        assert [end for _, end in spans] == [begin for begin, _ in spans[1:]] + [len(text.encode())] * bool(spans), "the spans tile the text"
        for (begin, end), piece in zip(spans, reply["pieces"][special:], strict=True):
            covered = text.encode()[begin:end]
            assert piece == f"<0x{covered[0]:02X}>" if piece.startswith("<0x") else piece.strip() == covered.decode().strip().replace("\u2581", " ").strip()
    good = tmp_path / "good.jsonl"
    good.write_text('"a"\n')
    assert unpact.well("inspect", "tokenizer", target, "--input", good).json_lines()[0]["decoded"] == "a"


def home_file(folder: Path) -> Path:
    path = folder / "text.h5"
    path.write_text("no results")
    return path


def test_configuration_in_a_results_file_runs_again(unpact: Program, campaign: Path, tmp_path: Path) -> None:
    """config_resolved is INI text that --config takes; it leaves out only what decides no number, and says where the inputs lie."""
    name = "tiny__tiny__npo_kl__seed3.h5"
    with h5py.File(campaign / "cells" / name) as file:
        text = file.attrs["config_resolved"]
    (tmp_path / "again.ini").write_text(text)
    unpact.well("reproduce", "--config", tmp_path / "again.ini", "--campaign.seeds", "3", "--run.threads", "1",
                "--device", "cpu", "--output", tmp_path / "out")
    assert differing(campaign / "cells" / name, tmp_path / "out/cells" / name) == []


def test_a_campaign_opens_in_xarray_and_through_a_link(campaign: Path, methods: list[str], tmp_path: Path, results_tool: Tool) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    (tmp_path / "link.h5").symlink_to(campaign / "campaign.h5")
    for path in (campaign / "campaign.h5", tmp_path / "link.h5", next(iter(cells_of(campaign).values()))):
        with xarray.open_datatree(path, engine="h5netcdf") as tree:
            assert len(tree.load().groups) > 2
    with xarray.open_datatree(campaign / "campaign.h5", engine="h5netcdf") as tree:
        assert tree["metrics"].sizes["id"] == tree["status"].sizes["id"] == len(methods)
    table = results_tool("table", tmp_path / "link.h5", "--format", "markdown")
    assert table.returncode == 0 and all(method in table.stdout for method in methods)
    assert results_tool("validate", tmp_path / "link.h5").returncode == 0
