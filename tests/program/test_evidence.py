"""What stands beside a rate: halves, several judges with their errors, floor and ceiling, controls. And what they want, where it is missing."""
import json
import math
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import PATIENCE, Ended, Program, cells_of, differing, environment, kill_session

JUDGES = "rouge_l_recall, contains_entity, relative_likelihood, local_model"
ASKED = "{question} Is it {answer}? It is {gold}. Yes or no:"
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
def all_of_it(details: Path, never_taught: Path) -> tuple[object, ...]:
    return (*RARE, "--judge.kind", JUDGES, "--dataset.details", details, "--campaign.floor_model", never_taught, "--judge.model", never_taught,
            "--judge.question", ASKED, "--evaluation.metrics", "auto, answer_perplexity")


@pytest.fixture(scope="module")
def evidence(reproduce: Callable[..., Ended], all_of_it: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    made: dict[int, Path] = {}

    def on(ranks: int) -> Path:
        if ranks not in made:
            made[ranks] = tmp_path_factory.mktemp(f"evidence{ranks}")
            reproduce(made[ranks], *all_of_it, ranks=ranks)
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
        assert set(file["judges"]) == {"contains_entity", "relative_likelihood", "local_model"}
        assert file["judges/contains_entity/target_is_right"][:].all()
        checks = dict(zip(file["judge_check/judge"].asstr()[:], zip(*(file[f"judge_check/{n}"][:] for n in ("right", "rejected", "wrong", "accepted")), strict=True), strict=True))
        questions = len(questions_of(home))
        assert checks["contains_entity"][:2] == (questions, 0) and checks["rouge_l_recall"][2] == 2 * questions
        for control in ("no_focus", "wrong_focus"):
            assert file[f"probes/{control}"].attrs["kind"] == "control"
        put = file["probes/focus_on_key/put"].asstr()[:]
        asked = file["probes/focus_on_key/asked"][:] > 0
        assert all("Focus on" in row[0] for row in put[asked])


def test_the_matrix_has_a_column_for_the_end(evidence: Callable[[int], Path]) -> None:
    with h5py.File(cell_of(evidence(1))) as file:
        for group in (file[f"{model}/{answer}"] for model in ("target", "unlearned") for answer in ("gold", "own")):
            answered = np.diff(group["answer_ids/offsets"][:].astype(int)) > 0
            candidates = np.diff(group["contributions/offsets"][:].astype(int))
            assert np.array_equal(np.diff(group["end_log_probabilities/offsets"][:].astype(int)), np.where(answered, candidates + 1, 0))
            assert np.all(group["end_log_probabilities/values"][:] <= 0)


def test_the_unlearned_model_is_asked_retain_questions_under_the_phrasings(evidence: Callable[[int], Path]) -> None:
    with h5py.File(cell_of(evidence(1))) as file:
        split = file["questions/split"][:]
        assert set(file["arms/unlearned/probes"]) == {"focus_on_key", "probab"}
        for states in file["arms/unlearned/probes"].values():
            assert np.all(states[:][split == 0] == 0) and np.any(states[:][split == 1] > 0)
        rates = dict(zip(file["rates/name"].asstr()[:], zip(file["rates/count"][:], file["rates/total"][:], strict=True), strict=True))
        assert rates["retain_focus_on_key"][1] > 0
        check = dict(zip(file["judge_check/judge"].asstr()[:], file["judge_check/wrong"][:], strict=True))
        assert rates["false_accept"][1] == check["rouge_l_recall"] and rates["by_local_model_false_reject"][1] > 0


def test_a_local_model_says_what_transformers_says(evidence: Callable[[int], Path], never_taught: Path, target: Path) -> None:
    """p(yes) of another model, and the target's perplexity of an answer, by the library that everybody uses."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    judge, teacher = (transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval() for folder in (never_taught, target))
    pieces = pytest.importorskip("sentencepiece").SentencePieceProcessor(model_file=str(target / "tokenizer.model"))
    yes, no = (pieces.encode(f"x {word}")[len(pieces.encode("x")):] for word in ("Yes", "No"))
    both = next(i for i, (a, b) in enumerate(zip(yes, no, strict=False)) if a != b)
    with h5py.File(cell_of(evidence(2))) as file, torch.no_grad():
        found, answers = file["judges/local_model/target_score"][:], file["target/answer"].asstr()[:]
        golds, questions = file["questions/gold_answer"].asstr()[:], file["questions/text"].asstr()[:]
        for q in (0, 7):
            text = ASKED.format(question=questions[q], answer=answers[q], gold=golds[q])
            ids = [pieces.bos_id(), *pieces.encode(text), *yes[:both]]
            logits = judge(torch.tensor([ids])).logits[0, -1]
            p = torch.softmax(logits[[yes[both], no[both]]].double(), 0)[0].item()
            assert math.isclose(found[q], p, rel_tol=1e-3), (found[q], p)
        place = list(file["metrics/name"].asstr()[:]).index("answer_perplexity_forget")
        first = file["metrics/unlearned_items/values"][file["metrics/unlearned_items/offsets"][place]]
        offsets = file["unlearned/own/answer_ids/offsets"][:].astype(int)
        q = int(np.argmax(np.diff(offsets) > 0))
        own = file["unlearned/own/answer_ids/values"][offsets[q]:offsets[q + 1]].tolist()
        prompt = file["prompts/token_ids/values"][slice(*map(int, file["prompts/token_ids/offsets"][q:q + 2]))].tolist()
        logits = teacher(torch.tensor([prompt + own])).logits[0, len(prompt) - 1:-1].double()
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(own)).item()
        assert math.isclose(first, math.exp(loss), rel_tol=1e-3), (first, math.exp(loss))


def test_a_local_judge_is_calibrated_and_its_errors_are_measured(evidence: Callable[[int], Path], home: Path) -> None:
    with h5py.File(cell_of(evidence(1))) as file:
        names = list(file["judge_check/judge"].asstr()[:])
        row = {name: file[f"judge_check/{name}"][names.index("local_model")] for name in ("right", "wrong", "threshold", "calibrated_on")}
        questions = len(questions_of(home))
        assert (row["right"], row["wrong"], row["calibrated_on"]) == (questions // 2, questions, 3 * questions // 2)
        assert 0 < row["threshold"] < 1
        assert "(calibrated)" in file["judges/local_model"].attrs["description"]
        score, right = (file[f"judges/local_model/target_{name}"][:] for name in ("score", "is_right"))
        assert np.array_equal(score >= row["threshold"], right.astype(bool))
        assert row["threshold"] != 0.5 and np.isnan(file["judge_check/threshold"][names.index("contains_entity")])


def test_a_judge_on_shards_says_the_same(evidence: Callable[[int], Path], reproduce: Callable[..., Ended], all_of_it: tuple[object, ...], tmp_path: Path) -> None:
    """No rank holds a whole model, neither the one that answers nor the one that judges."""
    reproduce(tmp_path, *all_of_it, "--model.replica", "sharded", "--campaign.stage", "targets", ranks=2)
    one, two = (next((folder / "baselines").glob("*.h5")) for folder in (evidence(1), tmp_path))
    with h5py.File(one) as whole, h5py.File(two) as cut:
        np.testing.assert_allclose(cut["judges/local_model/target_score"][:], whole["judges/local_model/target_score"][:], atol=1e-5)
        np.testing.assert_allclose(cut["judge_check/threshold"][:], whole["judge_check/threshold"][:], atol=1e-5)


STAGES = ("cells/*.unfinished/local_model_on_answers-*", "cells/*.unfinished/retain_probab-*", "cells/*.unfinished/probe_no_focus-*", "cells/*.unfinished/metrics_gold-*",
          "cells/*.unfinished/metrics_own_answers-*")


def test_what_is_finished_of_judges_controls_and_metrics_is_kept(evidence: Callable[[int], Path], unpact: Program, home: Path, all_of_it: tuple[object, ...],
                                                                 tmp_path: Path) -> None:
    """Killed with SIGKILL as soon as each of these stages has finished a page; what comes out is what nobody disturbed."""
    out = tmp_path / "out"
    given = ("reproduce", "--config", home / "configs/tiny.ini", *all_of_it, "--output", out)
    killed = 0
    for stage in STAGES:
        job = subprocess.Popen(unpact.command(*given), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while job.poll() is None and not list(out.glob(stage)):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        killed += job.poll() is None
        kill_session(job.pid)
        job.wait()
    assert killed >= 3, "otherwise this tests nothing"
    ended = unpact.well(*given)
    assert "were finished already" in ended.out + ended.err
    assert differing(cell_of(out), cell_of(evidence(1))) == []


def test_the_report_tells_them(evidence: Callable[[int], Path], results_tool: Callable, tmp_path: Path) -> None:
    made = results_tool("report", evidence(1), "--out", tmp_path / "report.html")
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "report.html").read_text()
    for part in ("knowledge left", "Judge's errors", "contains_entity: accepts", "held-out retain questions", "It is the KeyTokens that bring answers back",
                 "The same rates by the judges that do not decide", "judge accepts"):
        assert part in text, part


@pytest.mark.parametrize(("arguments", "words"), [
    (("--judge.kind", "rouge_l_recall, contains_entity"), ("'contains_entity' cannot decide", "dataset.details")),
    (("--judge.kind", "relative_likelihood"), ("no wrong answers to compare with", "perturbed_answer")),
    (("--judge.kind", "choice, rouge_l_f1"), ("letters of choices",)),
    (("--campaign.floor_model", "/no/such/model"), ("there is no model in /no/such/model", "campaign.floor_model")),
    (("--dataset.held_out", "1"), ("'dataset.held_out'", "[0, 1)")),
    (("--judge.kind", "rouge_l_recall, local_model", "--judge.model", "/no/such/judge"), ("there is no model in /no/such/judge", "judge.model")),
    (("--judge.model", "/no/such/judge"), ("only the judge 'local_model' asks it",)),
    (("--judge.kind", "local_model", "--judge.question", "Is {answer} right?"), ("'judge.question' has no {question}",)),
    (("--judge.kind", "local_model", "--judge.yes", "Yes", "--judge.no", "Yes"), ("cannot be told apart", "judge.yes and judge.no")),
    (("--judge.kind", "local_model", "--judge.yes", ""), ("cannot be told apart",)),
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
