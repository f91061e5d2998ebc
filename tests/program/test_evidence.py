"""What stands beside a rate: halves, several judges with their errors, floor and ceiling, controls. And what they want, where it is missing."""
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import Ended, Program, cells_of, differing

JUDGES = "rouge_l_recall, contains_entity, relative_likelihood"
RARE = ("--campaign.methods", "ga_gd", "--probe.phrasings", "{question} Focus on {keys}. | {keys}: {question}")


def questions_of(home: Path) -> list[dict[str, str]]:
    return [pair for name in ("forget", "retain") for pair in json.loads((home / f"tiny/knowmem/{name}_qa.json").read_text())]


@pytest.fixture(scope="module")
def details(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every answer is its own entity and paraphrase; other questions' answers are wrong ones."""
    pairs = questions_of(home)
    answers = [pair["answer"] for pair in pairs]
    lines = [{"question": pair["question"], "entity": pair["answer"], "paraphrased_answer": f"It is {pair['answer']}.",
              "perturbed_answer": [a for a in answers if a != pair["answer"]][:2]} for pair in pairs]
    file = tmp_path_factory.mktemp("details") / "details.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.fixture(scope="module")
def never_taught(unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the target's tokenizer that knows nothing."""
    folder = tmp_path_factory.mktemp("floor")
    unpact.well("finetune", "--config", home / "configs/finetune.ini", "--model.tokenizer", target, "--finetune.max_steps", "1", "--output", folder)
    return folder / "model"


@pytest.fixture(scope="module")
def evidence(reproduce: Callable[..., Ended], details: Path, never_taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    made: dict[int, Path] = {}

    def on(ranks: int) -> Path:
        if ranks not in made:
            made[ranks] = tmp_path_factory.mktemp(f"evidence{ranks}")
            reproduce(made[ranks], *RARE, "--judge.kind", JUDGES, "--dataset.details", details, "--campaign.floor_model", never_taught,
                      ranks=ranks)
        return made[ranks]
    return on


def cell_of(folder: Path) -> Path:
    return cells_of(folder)["tiny__tiny__ga_gd__seed3.h5"]


def test_files_are_right_and_do_not_depend_on_ranks(evidence: Callable[[int], Path], results_tool: Callable) -> None:
    checked = results_tool("validate", evidence(1))
    assert checked.returncode == 0, checked.stdout
    assert differing(cell_of(evidence(1)), cell_of(evidence(2))) == []


def test_halves_arms_and_judges_are_there(evidence: Callable[[int], Path], home: Path) -> None:
    with h5py.File(cell_of(evidence(1))) as file:
        split, half = file["questions/split"][:], file["questions/half"][:]
        assert set(half[split == 0]) == {0} and sorted(set(half[split == 1])) == [1, 2]
        assert "are held out" in file.attrs["halves"]
        rates = dict(zip(file["rates/name"].asstr()[:], zip(file["rates/count"][:], file["rates/total"][:], strict=True), strict=True))
        assert rates["destructive_trained"][1] + rates["destructive_held_out"][1] == rates["destructive"][1]
        assert rates["still_right"][0] + rates["won_back"][0] == rates["knowledge_left"][0]
        assert not file["arms/floor/is_right"][:].any() and file["arms/target/is_right"][:].all()
        assert np.all(file["arms/floor/probes/probab"][:] == 1), "a model that knows nothing answers nothing right"
        assert set(file["judges"]) == {"contains_entity", "relative_likelihood"}
        assert file["judges/contains_entity/target_is_right"][:].all()
        checks = dict(zip(file["judge_check/judge"].asstr()[:], zip(*(file[f"judge_check/{n}"][:] for n in ("right", "rejected", "wrong", "accepted")), strict=True), strict=True))
        questions = len(questions_of(home))
        assert checks["contains_entity"][:2] == (questions, 0) and checks["rouge_l_recall"][2] == 2 * questions
        for control in ("no_focus", "wrong_focus"):
            assert file[f"probes/{control}"].attrs["kind"] == "control"
        put = file["probes/focus_on_key/put"].asstr()[:]
        asked = file["probes/focus_on_key/asked"][:] > 0
        assert all("Focus on" in row[0] for row in put[asked])


def test_the_report_tells_them(evidence: Callable[[int], Path], results_tool: Callable, tmp_path: Path) -> None:
    made = results_tool("report", evidence(1), "--out", tmp_path / "report.html")
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "report.html").read_text()
    for part in ("knowledge left", "Judge's errors", "contains_entity: accepts", "held-out retain questions", "It is the KeyTokens that bring answers back"):
        assert part in text, part


@pytest.mark.parametrize(("arguments", "words"), [
    (("--judge.kind", "rouge_l_recall, contains_entity"), ("'contains_entity' cannot decide", "dataset.details")),
    (("--judge.kind", "relative_likelihood"), ("no wrong answers to compare with", "perturbed_answer")),
    (("--judge.kind", "choice, rouge_l_f1"), ("letters of choices",)),
    (("--campaign.floor_model", "/no/such/model"), ("there is no model in /no/such/model", "campaign.floor_model")),
    (("--dataset.held_out", "1"), ("'dataset.held_out'", "[0, 1)")),
])
def test_what_is_missing_is_said_before_anything_is_asked(unpact: Program, home: Path, target: Path, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", *RARE, *arguments, "--output", tmp_path / "out")
    assert ended.code == 1
    for word in words:
        assert word in ended.message(), ended.message()
    assert not (tmp_path / "out/baselines").exists()


def test_a_floor_model_with_another_tokenizer_is_refused(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    unpact.well("finetune", "--config", home / "configs/finetune.ini", "--model.vocabulary_size", "390", "--finetune.max_steps", "1", "--output", tmp_path / "other")
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", *RARE, "--campaign.floor_model", tmp_path / "other/model", "--output", tmp_path / "out")
    assert ended.code == 1 and "another tokenizer than the target" in ended.message()
