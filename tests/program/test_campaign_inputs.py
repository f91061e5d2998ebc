"""What decides a campaign's results is what lies at its inputs, all of it and nothing else; and a plan that cannot be carried
out is refused whole, before any work."""
import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path

import h5py
import pytest
from unpact_program import PATIENCE, Program, cells_of, environment, write_dataset

safetensors = pytest.importorskip("safetensors.torch")

CELL = "tiny__tiny__ga__seed3"


@pytest.fixture
def place(home: Path, target: Path, tmp_path: Path) -> Path:
    """A home of its own, whose model and data may be changed: configs/, tiny/, target/model."""
    shutil.copytree(home / "configs", tmp_path / "configs")
    shutil.copytree(home / "tiny", tmp_path / "tiny")
    shutil.copytree(target, tmp_path / "target/model")
    return tmp_path


def run(unpact: Program, place: Path, *more: object, methods: str = "ga", **how: object) -> str:
    return unpact.well("reproduce", "--config", place / "configs/tiny.ini", "--campaign.methods", methods, "--output", place / "out",
                       *more, **how).out


def refusal(unpact: Program, place: Path, *more: object, ranks: int = 1) -> str:
    ended = unpact("reproduce", "--config", place / "configs/tiny.ini", "--output", place / "out", *more, ranks=ranks)
    assert ended.code == 1, ended.out + ended.err
    assert not (place / "out").exists(), "nothing was begun"
    return ended.message()


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(("file", "changes"), [
    ("config.json", {"rope_theta": 500.0}), ("generation_config.json", {"eos_token_id": [2, 1]}), ("config.json", {"rms_norm_eps": 1e-3})])
def test_configs_of_the_model_decide(unpact: Program, place: Path, file: str, changes: dict[str, object]) -> None:
    run(unpact, place)
    edit(place / "target/model" / file, _name_or_path="/somewhere/else")
    again = run(unpact, place)
    assert f"Cell {CELL} is finished already" in again and "Using the target's answers" in again, "what nothing heeds decides nothing"
    edit(place / "target/model" / file, **changes)
    changed = run(unpact, place)
    assert "Asking the target" in changed and "is finished already" not in changed


def test_paths_as_spelled_decide_nothing(unpact: Program, place: Path) -> None:
    """Another working folder, another spelling, links, and copies somewhere else: one campaign."""
    unpact.well("reproduce", "--config", "configs/tiny.ini", "--campaign.methods", "ga", "--output", "out", cwd=place)
    with h5py.File(place / f"out/cells/{CELL}.h5") as file:
        assert str(place) not in file.attrs["config_resolved"].split("# Where the inputs come from")[0]
    shutil.copytree(place / "tiny", place / "other/data")
    (place / "link").symlink_to(place / "target/model")
    for cwd, *arguments in ((place, "--config", place / "configs/tiny.ini"),
                            (place / "configs", "--config", "tiny.ini"),
                            (place / "tiny", "--config", "../configs/../configs/./tiny.ini"),
                            (place, "--config", "configs/tiny.ini", "--model", "link/", "--dataset.path", "other/./data/"),
                            (place / "other", "--config", "../configs/tiny.ini", "--dataset.path", "data")):
        text = unpact.well("reproduce", *arguments, "--campaign.methods", "ga", "--output", place / "out", cwd=cwd).out
        assert f"Cell {CELL} is finished already" in text and "Using the target's answers" in text, arguments


def test_a_made_target_is_made_once_wherever_it_is_asked_for(unpact: Program, home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "configs", tmp_path / "configs")
    shutil.copytree(home / "llama", tmp_path / "llama")
    shutil.copytree(home / "tiny", tmp_path / "tiny")
    (tmp_path / "configs/made.ini").write_text((home / "configs/finetune.ini").read_text().replace("epochs = 150", "epochs = 2") +
                                               "[unlearn]\nbatch_size = 6\nmicro_batch = 3\n[generation]\nmax_new_tokens = 2\n")
    common = ("--model.make_target", "true", "--output", tmp_path / "out")
    assert "Fine-tuning" in unpact.well("reproduce", "--config", "configs/made.ini", *common, cwd=tmp_path).out
    for cwd, config in ((tmp_path, tmp_path / "configs/made.ini"), (tmp_path / "configs", "made.ini")):
        text = unpact.well("reproduce", "--config", config, *common, cwd=cwd).out
        assert "Using the target model" in text and "is finished already" in text
    edit(tmp_path / "llama/config.json", rope_theta=500.0)
    assert "Fine-tuning" in unpact.well("reproduce", "--config", tmp_path / "configs/made.ini", *common).out


def test_evaluate_covers_the_config_of_the_unlearned_model(unpact: Program, place: Path, unlearned: Path) -> None:
    folder = Path(shutil.copytree(unlearned, place / "unlearned"))
    command = ("evaluate", "--config", place / "configs/tiny.ini", "--unlearned", folder, "--output", place / "out")

    def fingerprint() -> str:
        unpact.well(*command)
        with h5py.File(place / "out/cells/tiny__tiny__ga_gd__seed3.h5") as file:
            return file.attrs["fingerprint"]

    first = fingerprint()
    edit(folder / "config.json", rope_theta=500.0)
    assert fingerprint() != first
    ended = unpact(*command, "--evaluate.config_checksum", "0" * 64)
    assert ended.code == 1 and "evaluate.config_checksum" in ended.message()


def other_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = safetensors.load_file(file)
    tensors["model.norm.weight"] *= 1.5
    safetensors.save_file(tensors, file, metadata={"format": "pt"})


@pytest.mark.parametrize("kind", ["weights", "config", "data", "alternates"])
def test_other_inputs_on_one_rank_are_refused_with_both_checksums(unpact: Program, place: Path, kind: str) -> None:
    """Ranks whose nodes hold different files under one path: here each rank has its own current folder."""
    for rank in ("0", "1"):
        shutil.copytree(place / "target/model", place / rank / "model")
        write_dataset(place / rank / "data")
        (place / rank / "idk.txt").write_text(f"I do not know{rank if kind == 'alternates' else ''}.\n")
    if kind == "weights":
        other_weights(place / "1/model")
    elif kind == "config":
        edit(place / "1/model/config.json", rope_theta=500.0)
    elif kind == "data":
        questions = place / "1/data/knowmem/retain_qa.json"
        questions.write_text(questions.read_text().replace("Olga Finn", "Nobody"))
    config = place / "configs/tiny.ini"
    config.write_text(config.read_text().split("[campaign]")[0])
    command = unpact.command("reproduce", "--config", config, "--model", "model", "--dataset.path", "data", "--method.forget", "dpo",
                             "--method.alternates", "idk.txt", "--output", place / "out")
    ended = unpact(*command[1:], ranks=2, wrap=["sh", "-c", f'cd {place}/$OMPI_COMM_WORLD_RANK && exec "$@"', "sh"])
    assert ended.code == 1, ended.out + ended.err
    said = ended.out + ended.err
    assert "basic_string" not in said
    checksums = {word.strip(".,;") for word in said.split() if len(word.strip(".,;")) == 64}
    assert len(checksums) >= 2, said


def test_weights_that_are_replaced_between_two_cells_are_refused_with_both_checksums(unpact: Program, place: Path) -> None:
    command = unpact.command("reproduce", "--config", place / "configs/tiny.ini", "--campaign.methods", "ga", "--unlearn.epochs", "40",
                             "--campaign.seeds", ",".join(map(str, range(40))), "--output", place / "out")
    weights = place / "target/model/model.safetensors"
    before = hashlib.sha256(weights.read_bytes()).hexdigest()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        for _ in range(PATIENCE * 100):
            if cells_of(place / "out") or process.poll() is not None:
                break
            time.sleep(0.01)
        other_weights(place / "target/model")
        said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 1, said
    assert before in said and hashlib.sha256(weights.read_bytes()).hexdigest() in said and "was replaced" in said
    for path in cells_of(place / "out").values():
        with h5py.File(path) as file:
            assert file.attrs["model_checksum"] == before, "what is in memory counts"


def test_the_whole_plan_is_refused_before_any_work(unpact: Program, place: Path) -> None:
    (place / "configs/methods/deep.ini").write_text(
        "[method]\nname = deep\nforget = rmu\nretain = none\nlayer = 9\ntrained_layers = 9\ntrained_weights = mlp.down_proj.weight\n")
    (place / "configs/methods/idk.ini").write_text("[method]\nname = idk\nforget = dpo\nretain = none\nalternates = nowhere.txt\n")
    (place / "configs/models").mkdir()
    (place / "configs/datasets").mkdir()
    for name, path in (("first", "../../target/model"), ("second", "../../nowhere")):
        (place / f"configs/models/{name}.ini").write_text(f"[model]\nname = {name}\npath = {path}\n")
    for name in ("good", "bad"):
        data = write_dataset(place / name)
        (place / f"configs/datasets/{name}.ini").write_text(f"[dataset]\nname = {name}\npath = ../../{name}\n")
    (data / "knowmem/retain_qa.json").write_text('[{"question": "q"}]')
    config = place / "configs/tiny.ini"
    text = config.read_text().replace("[model]\nname = tiny\npath = ../target/model\n[dataset]\nname = tiny\npath = ../tiny\n", "")
    config.write_text(text.split("[campaign]")[0])
    said = refusal(unpact, place, "--campaign.models", "first, second", "--campaign.datasets", "good, bad", "--campaign.methods",
                   "ga, deep, idk")
    for word in ("model first x dataset good", "cell first__good__deep__seed3 (method deep)", "'method.layer' is 9",
                 "cell first__good__idk__seed3 (method idk)", "nowhere.txt", "x dataset bad", "retain_qa.json, entry 1", "model second",
                 "problems"):
        assert word in said, said


@pytest.mark.parametrize(("more", "said"), [
    (("--campaign.methods", "rmu", "--method.layer", "7"), ["(method rmu)", "method.layer"]),
    (("--campaign.methods", "ga", "--unlearn.form", "texts"), ["(method ga)", "no texts"]),
    (("--campaign.methods", "ga", "--generation.max_new_tokens", "250"), ["forget question 0 does not fit", "its context holds 256"]),
    (("--campaign.methods", "ga", "--prompt.examples", "2"), ["prompt.examples"]),
])
@pytest.mark.parametrize("ranks", [1, 2])
def test_one_problem_of_the_plan(unpact: Program, place: Path, more: tuple[str, ...], said: list[str], ranks: int) -> None:
    shutil.rmtree(place / "tiny/raw")
    message = refusal(unpact, place, *more, ranks=ranks)
    assert all(word in message for word in ["model tiny x dataset tiny", *said]), message


def test_a_dry_run_checks_the_plan_and_writes_nothing(unpact: Program, place: Path) -> None:
    text = run(unpact, place, "--dry-run", methods="ga, npo")
    assert "The plan holds: 1 pair(s)" in text and "2 cell(s)" in text and "GiB" in text
    assert not (place / "out").exists()
    assert "method.layer" in refusal(unpact, place, "--dry-run", "--campaign.methods", "rmu", "--method.layer", "7")


@pytest.mark.parametrize("arguments", [
    ("ask", "--model", "x" * 5000, "--prompt", "Who?"), ("ask", "--model", "model.safetensors/deeper", "--prompt", "Who?"),
    ("reproduce", "--model", "x" * 300, "--dataset.path", "y" * 300), ("finetune", "--model.config", "x" * 5000, "--dataset.path", "."),
    ("inspect", "model", "x" * 5000), ("inspect", "results", "x" * 5000), ("inspect", "dataset", "x" * 5000),
    ("inspect", "tokenizer", "x" * 5000), ("evaluate", "--model", "x" * 5000, "--unlearned", "y" * 5000, "--dataset.path", "z" * 5000),
    ("collect", "--output", "x" * 5000), ("ask", "--model", ".", "--input", "x" * 5000), ("unlearn", "--config", "x" * 5000),
])
def test_paths_that_no_file_can_have_end_in_our_words(unpact: Program, place: Path, arguments: tuple[str, ...]) -> None:
    ended = unpact(*arguments, cwd=place / "target/model")
    assert ended.code == 1, ended.err
    message = ended.message()
    for raw in ("filesystem error", "basic_string", "std::", "what():"):
        assert raw not in message, message
