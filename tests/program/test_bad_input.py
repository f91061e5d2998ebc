"""Broken datasets, models and folders: an exit code, one message, nothing half-written, nobody left hanging."""
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from unpact_program import LLAMA, Ended, Program, write_dataset, write_json

safetensors = pytest.importorskip("safetensors.torch")

RANKS = pytest.mark.parametrize("ranks", [1, 2])


def finetune(unpact: Program, home: Path, tmp_path: Path, *more: object, ranks: int = 1) -> Ended:
    ended = unpact("finetune", "--config", home / "configs/finetune.ini", "--dataset.path", tmp_path / "data", "--output", tmp_path / "out",
                   *more, ranks=ranks)
    assert not (tmp_path / "out/model").exists(), "a model that was never made"
    return ended


@RANKS
@pytest.mark.parametrize(("file", "content", "said"), [
    ("knowmem/forget_qa.json", "[{]", ["forget_qa.json", "JSON"]),
    ("knowmem/forget_qa.json", '[{"question": "q", "answer": "a"}, {"question": "q"}]', ["forget_qa.json", "entry 2", "'answer'"]),
    ("knowmem/retain_qa.json", '[{"question": "q", "answer": 7}]', ["retain_qa.json", "entry 1", "'answer'"]),
    ("knowmem/forget_qa.json", "[]", ["forget_qa.json", "no questions"]),
])
def test_broken_dataset(unpact: Program, home: Path, tmp_path: Path, ranks: int, file: str, content: str, said: list[str]) -> None:
    (write_dataset(tmp_path / "data") / file).write_text(content)
    ended = finetune(unpact, home, tmp_path, ranks=ranks)
    assert ended.code == 1
    assert all(word in ended.message() for word in said), ended.message()


@pytest.mark.parametrize(("file", "content", "said"), [
    ("knowmem/forget_qa.json", '{\n"question": "q", "answer": "a"}', ["forget_qa.json", "list"]),
    ("knowmem/forget_qa.json", '[{"question": "q", "answer": "  "}]', ["entry 1", "'answer'", "empty"]),
    ("knowmem/forget_qa.json", None, ["forget_qa.json", "no such file"]),
    ("focus/focus_qa.json", '[{"question": "q", "answer": "a", "keys": "k"}]', ["focus_qa.json", "entry 1", "'keys'"]),
    ("raw/forget.json", '["text", 3]', ["raw/forget.json", "entry 2"]),
])
def test_other_breakages_of_a_dataset(unpact: Program, home: Path, tmp_path: Path, file: str, content: str | None, said: list[str]) -> None:
    path = write_dataset(tmp_path / "data") / file
    path.unlink() if content is None else path.write_text(content)
    ended = finetune(unpact, home, tmp_path)
    assert ended.code == 1
    assert all(word in ended.message() for word in said), ended.message()


def test_broken_lines_of_tofu(unpact: Program, tmp_path: Path) -> None:
    (tmp_path / "forget.json").write_text('{"question": "q", "answer": "a"}\n\n{"question": "q"}\n')
    (tmp_path / "empty.json").write_text("\n")
    ended = unpact("inspect", "dataset", tmp_path / "forget.json", "--dataset.kind", "tofu", "--dataset.retain_path", tmp_path / "empty.json")
    assert ended.code == 1 and all(word in ended.message() for word in ["forget.json", "line 3", "'answer'"])
    ended = unpact("inspect", "dataset", tmp_path / "empty.json", "--dataset.kind", "tofu", "--dataset.retain_path", tmp_path / "empty.json")
    assert ended.code == 1 and "empty.json has no questions" in ended.message()


@pytest.fixture
def copied_model(target: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(target, tmp_path / "model"))


def cut_short(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def cut_in_the_header(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])


def with_nan(model: Path) -> None:
    tensors = safetensors.load_file(model / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = float("nan")
    safetensors.save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})


def without_a_tensor(model: Path) -> None:
    tensors = safetensors.load_file(model / "model.safetensors")
    del tensors["model.norm.weight"]
    safetensors.save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})


def of_unknown_kind(model: Path) -> None:
    write_json(model / "config.json", LLAMA | {"architectures": ["MambaForCausalLM"], "model_type": "mamba"})


def without_heads(model: Path) -> None:
    write_json(model / "config.json", LLAMA | {"num_attention_heads": 0})


def without_tokenizer(model: Path) -> None:
    (model / "tokenizer.model").unlink()


def with_torn_tokenizer(model: Path) -> None:
    tokenizer = model / "tokenizer.model"
    tokenizer.write_bytes(tokenizer.read_bytes()[:500])


BROKEN = [
    (cut_short, ["model.safetensors"]), (cut_in_the_header, ["model.safetensors"]), (with_nan, ["model.layers.1.mlp.up_proj.weight"]),
    (without_a_tensor, ["model.norm.weight"]), (of_unknown_kind, ["mamba"]), (without_heads, ["num_attention_heads"]),
    (without_tokenizer, ["tokenizer"]), (with_torn_tokenizer, ["tokenizer.model"]),
]


@pytest.mark.parametrize(("breakage", "said"), BROKEN)
def test_broken_model(unpact: Program, copied_model: Path, breakage: Callable[[Path], None], said: list[str]) -> None:
    breakage(copied_model)
    ended = unpact("ask", "--model", copied_model, "--prompt", "Who?", "--json")
    assert (ended.code, ended.out) == (1, "")
    assert all(word.lower() in ended.message().lower() for word in said), ended.message()


@pytest.mark.parametrize(("breakage", "said"), BROKEN[0:1] + BROKEN[2:3])
def test_broken_model_ends_a_campaign_of_two_ranks(unpact: Program, home: Path, copied_model: Path, tmp_path: Path,
                                                   breakage: Callable[[Path], None], said: list[str]) -> None:
    breakage(copied_model)
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--model", copied_model, "--output", tmp_path / "out", ranks=2)
    assert ended.code == 1
    assert all(word in ended.message() for word in said), ended.message()
    assert not list((tmp_path / "out").rglob("*.h5"))


@pytest.fixture(scope="module")
def larger_vocabulary(unpact: Program, home: Path) -> Path:
    unpact.well("finetune", "--config", home / "configs/finetune.ini", "--model.vocabulary_size", "420", "--finetune.max_steps", "1",
                "--output", home / "larger")
    return home / "larger" / "model"


@RANKS
def test_tokenizer_with_more_pieces_than_the_model_has_rows(unpact: Program, copied_model: Path, larger_vocabulary: Path,
                                                            ranks: int) -> None:
    shutil.copy(larger_vocabulary / "tokenizer.model", copied_model)
    ended = unpact("ask", "--model", copied_model, "--prompt", "Who?", ranks=ranks)
    assert ended.code == 1
    assert "420" in ended.message() and "400" in ended.message() and str(copied_model) in ended.message()


def test_models_with_different_tokenizers_are_not_compared(unpact: Program, target: Path, larger_vocabulary: Path, home: Path,
                                                           tmp_path: Path) -> None:
    for job in (["ask", "--prompt", "Who?"], ["evaluate", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out"]):
        ended = unpact(*job, "--model", target, "--unlearned", larger_vocabulary)
        assert ended.code == 1 and "different tokenizers" in ended.message()
    assert not (tmp_path / "out/cells").exists()


@RANKS
@pytest.mark.parametrize("job", ["reproduce", "finetune"])
def test_output_that_cannot_be_a_folder(unpact: Program, home: Path, target: Path, tmp_path: Path, job: str, ranks: int) -> None:
    (tmp_path / "file").write_text("in the way")
    config = home / "configs" / ("tiny.ini" if job == "reproduce" else "finetune.ini")
    ended = unpact(job, "--config", config, "--output", tmp_path / "file/results", ranks=ranks)
    assert ended.code == 1
    assert "file/results" in ended.message()
    assert (tmp_path / "file").read_text() == "in the way"


def test_weights_that_blow_up_spare_the_other_cells(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    shutil.copytree(home / "configs/methods", tmp_path / "methods", dirs_exist_ok=True)
    (tmp_path / "methods/wild.ini").write_text("[method]\nname = wild\nforget = ga\nlearning_rate = 1e30\n")
    config = (home / "configs/tiny.ini").read_text().replace("../", f"{home}/").replace("methods = ", "methods = wild\n#")
    (tmp_path / "c.ini").write_text(config)
    ended = unpact("reproduce", "--config", tmp_path / "c.ini", "--campaign.methods", "wild, ga", "--output", tmp_path / "out", ranks=2)
    assert ended.code == 2
    assert "warning: cell tiny__tiny__wild__seed3 has no result" in ended.err
    assert sorted(path.name for path in (tmp_path / "out/cells").iterdir()) == ["tiny__tiny__ga__seed3.h5", "tiny__tiny__wild__seed3.failed.json"]
    assert "1 cell(s) finished, 0 missing, 0 broken, 1 failed" in ended.out


def test_dataset_folder_that_is_not_there(unpact: Program, home: Path, tmp_path: Path) -> None:
    ended = finetune(unpact, home, tmp_path)
    assert ended.code == 1 and "is not a folder" in ended.message()
    assert json.dumps(str(tmp_path / "data")).strip('"') in ended.message()
