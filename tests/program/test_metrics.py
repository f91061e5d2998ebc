"""The field's metrics in a campaign: computed once for the target, beside a retrained model, valid, shown, and refused by name."""
import json
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from unpact_program import Program, cells_of, write_json

Tool = Callable[..., subprocess.CompletedProcess]
ASKED = ("--evaluation.metrics", "auto, gradient_norm_auc", "--evaluation.passage_tokens", "8", "--evaluation.published_auc", "0.4772")


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
    assert "verbmem" in (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()[0]


def test_the_gradient_norm_is_that_of_autograd(measured: Path, target: Path, data: Path) -> None:
    """open-unlearning's: the mean over a model's parameters of the norm of the gradient of the text's loss."""
    torch, transformers, sentencepiece = (pytest.importorskip(name) for name in ("torch", "transformers", "sentencepiece"))
    model = transformers.AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(target / "tokenizer.model"))
    with h5py.File(cells_of(measured)["tiny__tiny__ga__seed3.h5"]) as file:
        row = list(file["metrics/name"].asstr()[:]).index("gradient_norm_forget")
        found = file["metrics/target_items/values"][slice(*map(int, file["metrics/target_items/offsets"][row:row + 2]))]
    for text, value in zip(json.loads((data / "privleak/forget.json").read_text())[:2], found, strict=False):
        ids = torch.tensor([[pieces.bos_id(), *pieces.encode(text)]])
        loss = torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:])
        norms = [gradient.norm() for gradient in torch.autograd.grad(loss, list(model.parameters()))]
        assert math.isclose(value, torch.stack(norms).mean().item(), rel_tol=1e-3)


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


SEQUENCE = ("--campaign.sequence", "sust/1, sust/2", "--campaign.methods", "ga", "--unlearn.form", "texts", "--unlearn.chunk_length", "16", "--evaluation.metrics", "knowmem", "--probe.use", "")


@pytest.fixture(scope="module")
def sets(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset with two sets that share nothing, and two of which the second holds the first."""
    folder = Path(shutil.copytree(data, tmp_path_factory.mktemp("sets") / "data"))
    texts = json.loads((folder / "raw/forget.json").read_text())
    for step in (1, 2):
        write_json(folder / f"sust/forget_{step}.json", texts[step - 1:step])
        write_json(folder / f"scal/forget_{step}.json", texts[:step])
    return folder


def test_sets_are_unlearned_one_after_the_other(unpact: Program, home: Path, target: Path, sets: Path, tmp_path: Path) -> None:
    """One campaign of two groups: the second step waits for the first one's model and starts from it, both compare with one
    target, and a step that is there is not done again."""
    command = ("reproduce", "--config", home / "configs/tiny.ini", "--dataset.path", sets, *SEQUENCE, "--output", tmp_path / "out")
    unpact.well(*command, ranks=2)
    cells = cells_of(tmp_path / "out")
    assert set(cells) == {f"tiny__tiny__ga-sust-{step}__seed3.h5" for step in (1, 2)}
    assert len(list((tmp_path / "out/baselines").glob("*.h5"))) == 1
    steps = sorted((tmp_path / "out/models").glob("step-*"), key=lambda folder: (folder / "steps.json").stat().st_mtime_ns)
    assert len(steps) == 2
    cells["tiny__tiny__ga-sust-2__seed3.h5"].unlink()
    again = unpact.well(*command)
    assert "unlearning sust/" not in again.out + again.err, "the model after each step is there"
    with h5py.File(cells_of(tmp_path / "out")["tiny__tiny__ga-sust-2__seed3.h5"]) as file, h5py.File(cells["tiny__tiny__ga-sust-1__seed3.h5"]) as before:
        assert len(file["training/step"]) > 0
        assert file["unlearned/gold/mean_log_probability"][:].tobytes() != before["unlearned/gold/mean_log_probability"][:].tobytes()


def test_sets_of_growing_size_are_pairs_of_their_own(unpact: Program, home: Path, target: Path, sets: Path, tmp_path: Path) -> None:
    planned = unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--dataset.path", sets, "--campaign.forget_sets", "scal/1, scal/2", "--campaign.methods", "ga",
                          "--unlearn.form", "texts", "--unlearn.chunk_length", "16", "--dry-run", "--output", tmp_path / "out")
    assert "2 pair(s)" in planned.out + planned.err or "tiny-scal-2" in planned.out + planned.err, planned.out + planned.err


@pytest.mark.parametrize(("arguments", "file", "said"), [
    (SEQUENCE, "sust/forget_2.json", "share a text"),
    (("--campaign.forget_sets", "scal/1, scal/2", "--campaign.methods", "ga"), "scal/forget_2.json", "are not nested"),
    (("--campaign.sequence", "sust/1", "--campaign.methods", "ga"), "", "set unlearn.form = texts"),
])
def test_sets_that_do_not_fit_are_refused(unpact: Program, home: Path, target: Path, sets: Path, tmp_path: Path, arguments: tuple[str, ...], file: str, said: str) -> None:
    folder = Path(shutil.copytree(sets, tmp_path / "data"))
    if file:
        text = json.loads((folder / "sust/forget_1.json").read_text())
        write_json(folder / file, text if "sust" in file else ["Something else."])
    refused = unpact("reproduce", "--config", home / "configs/tiny.ini", "--dataset.path", folder, *arguments, "--output", tmp_path / "no")
    assert refused.code == 1 and said in refused.out + refused.err, refused.out + refused.err
    assert not (tmp_path / "no/models").exists()


def test_the_job_unlearn_forgets_one_set(unpact: Program, home: Path, target: Path, sets: Path, tmp_path: Path) -> None:
    refused = unpact("unlearn", "--config", home / "configs/tiny.ini", "--dataset.path", sets, "--unlearn.form", "texts", "--unlearn.forget_sets", "sust/1, sust/2",
                     "--output", tmp_path / "no")
    assert refused.code == 1 and "reproduce --campaign.sequence" in refused.message()
