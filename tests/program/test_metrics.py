"""The field's metrics in a campaign: computed once for the target, beside a retrained model, valid, shown, and refused by name."""
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from unpact_program import ROOT, Program, cells_of, environment, write_json

Tool = Callable[..., subprocess.CompletedProcess]
ASKED = ("--evaluation.passage_tokens", "8", "--evaluation.published_auc", "0.4772")


@pytest.fixture(scope="module")
def data(home: Path) -> Path:
    """The tiny dataset with passages, privacy texts and wrong answers."""
    folder = Path(shutil.copytree(home / "tiny", home / "measured"))
    for name in ("forget", "retain"):
        file = folder / f"knowmem/{name}_qa.json"
        pairs = json.loads(file.read_text())
        write_json(file, [pair | {"paraphrased_answer": f"It is {pair['answer']}", "perturbed_answer": ["nobody", "no one"]} for pair in pairs])
    answers = [pair["answer"] for pair in json.loads((folder / "knowmem/forget_qa.json").read_text())]
    write_json(folder / "verbmem/forget.json", [{"prompt": f"It is said that {answer}", "gt": f"{answer} it was"} for answer in answers])
    write_json(folder / "privleak/forget.json", [f"Whoever asks hears of {answer} first." for answer in answers])
    write_json(folder / "privleak/holdout.json", [f"Whoever asks hears of {word} first." for word in ("rivers", "a town", "the harbour")])
    return folder


@pytest.fixture(scope="module")
def measured(unpact: Program, home: Path, target: Path, data: Path) -> Path:
    """A cell beside a retrained model, which is the target itself here."""
    common = ("--config", home / "configs/tiny.ini", "--dataset.path", data, *ASKED)
    unpact.well("reproduce", *common, "--output", home / "retrained", "--campaign.stage", "targets", "--campaign.methods", "ga")
    unpact.well("reproduce", *common, "--output", home / "metrics", "--campaign.methods", "ga", "--evaluation.retrained",
                home / "retrained/baselines/tiny__tiny.h5", ranks=2)
    return home / "metrics"


def test_both_models_have_values(measured: Path, results_tool: Tool, tmp_path: Path) -> None:
    cell = cells_of(measured)["tiny__tiny__ga__seed3.h5"]
    with h5py.File(cell) as file:
        values = {name: (file["metrics/target"][i], file["metrics/unlearned"][i]) for i, name in enumerate(file["metrics/name"].asstr()[:])}
        assert list(file["work/stage"].asstr()[:])[-1] == "unlearned_metrics"
    assert values["extraction_strength_forget"][0] == values["knowmem_forget"][0] == 1, "the target knows every answer"
    assert values["exact_memorization_forget"][1] < 1 and values["forget_quality"][0] == 1
    assert {"verbmem", "privleak_published", "privleak_retrained", "memorization", "truth_ratio_retain", "reference_auc"} <= set(values)
    checked = results_tool("validate", cell, measured / "campaign.h5", *(measured / "baselines").glob("*.h5"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert results_tool("report", measured, "--out", tmp_path / "r.html").returncode == 0
    assert "VerbMem (verbmem, n =" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_ranks_change_nothing(home: Path, measured: Path) -> None:
    """The target's on one rank and on two."""
    with h5py.File(home / "retrained/baselines/tiny__tiny.h5") as one, h5py.File(measured / "baselines/tiny__tiny.h5") as two:
        for name in ("name", "target", "target_items/values"):
            assert one[f"metrics/{name}"][:].tobytes() == two[f"metrics/{name}"][:].tobytes(), name


@pytest.mark.parametrize(("arguments", "said"), [
    (("--evaluation.metrics", "verbmen"), "did you mean 'verbmem'?"),
    (("--evaluation.metrics", "verbmem"), "verbmem/forget.json"),
    (("--evaluation.metrics", "forget_quality", "--dataset.path", "MEASURED"), "evaluation.retrained"),
    (("--evaluation.retrained", "nowhere.h5"), "nowhere.h5"),
], ids=["name", "passages", "retrained", "file"])
def test_what_is_missing_is_said_at_once(unpact: Program, home: Path, target: Path, data: Path, tmp_path: Path, arguments: tuple[str, ...],
                                         said: str) -> None:
    given = [str(data) if argument == "MEASURED" else argument for argument in arguments]
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", "--campaign.methods", "ga", *given)
    assert ended.code == 1 and said in ended.out + ended.err, ended.out + ended.err
    assert not (tmp_path / "out/cells").exists()


def test_sets_are_unlearned_one_after_the_other(unpact: Program, home: Path, target: Path, data: Path, tmp_path: Path) -> None:
    """Two steps of scripts/sequential-unlearning: the second starts from the first one's model; both compare with one target."""
    folder = Path(shutil.copytree(data, tmp_path / "data"))
    texts = json.loads((folder / "raw/forget.json").read_text())
    for step in (1, 2):
        write_json(folder / f"sust/forget_{step}.json", texts[step - 1:step])
    command = [ROOT / "scripts/sequential-unlearning", "--config", home / "configs/tiny.ini", "--method", "ga", "--output", tmp_path / "out", "--sets", "2",
               "--dataset.path", folder, "--unlearn.form", "texts", "--unlearn.chunk_length", "16", "--evaluation.metrics", "knowmem"]
    ended = subprocess.run(list(map(str, command)), env=environment(UNPACT_BINARY=str(unpact.binary)), capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads((tmp_path / "out/step-2/model/unlearning.json").read_text())["target_sha256"] != json.loads(
        (tmp_path / "out/step-1/model/unlearning.json").read_text())["target_sha256"]
    assert set(cells_of(tmp_path / "out")) == {f"tiny__tiny__ga-sust-{step}__seed3.h5" for step in (1, 2)}
    assert len(list((tmp_path / "out/baselines").glob("*.h5"))) == 1
    (folder / "sust/forget_2.json").write_text((folder / "sust/forget_1.json").read_text())
    refused = unpact("unlearn", "--config", home / "configs/tiny.ini", "--dataset.path", folder, "--dataset.forget_set", "sust/2", "--output", tmp_path / "no")
    assert refused.code == 1 and "share a text" in refused.out + refused.err
