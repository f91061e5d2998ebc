"""Probes that need no other model, and attempts that somebody wrote."""
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import ROOT, Ended, Program, cells_of, differing

USE = "prefill, role_play, in_context, cloze, self_correct, distraction, logit_lens, file"
FEW = ("--campaign.methods", "ga_gd", "--probe.use", USE, "--probe.phrasings", "{question} Focus on {keys}. | {keys}: {question}")
CELL = "tiny__tiny__ga_gd__seed3.h5"


@pytest.fixture(scope="module")
def attempts(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paraphrase of each question, a dialogue of the first, one that tells, one of a question that is not there."""
    pairs = json.loads((home / "tiny/knowmem/forget_qa.json").read_text())
    lines = [{"question_sha256": hashlib.sha256(pair["question"].encode()).hexdigest(), "probe": "paraphrase", "attempt": "a",
              "prompt": f"Say: {pair['question']}"} for pair in pairs]
    lines += [{"question": pair["question"], "probe": "dialogue", "prefill": "It", "messages": [
        {"role": "user", "content": "Do you know it?"}, {"role": "assistant", "content": "{answer}"}, {"role": "user", "content": pair["question"]}]}
              for pair in pairs[1:]]
    lines += [{"question": pair["question"], "probe": "paraphrase", "attempt": "telling", "prompt": f"Is it {pair['answer']}?"} for pair in pairs]
    lines += [{"question": "Who is not there?", "probe": "paraphrase", "prompt": "Nobody?"}]
    file = tmp_path_factory.mktemp("attempts") / "attempts.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.fixture(scope="module")
def asked(reproduce: Callable[..., Ended], attempts: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Path, Ended]]:
    made: dict[int, tuple[Path, Ended]] = {}

    def on(ranks: int) -> tuple[Path, Ended]:
        if ranks not in made:
            folder = tmp_path_factory.mktemp(f"probes{ranks}")
            made[ranks] = folder, reproduce(folder, *FEW, "--probe.file", attempts, ranks=ranks)
        return made[ranks]
    return on


def test_files_are_right_and_do_not_depend_on_ranks(asked: Callable, results_tool: Callable) -> None:
    checked = results_tool("validate", asked(1)[0])
    assert checked.returncode == 0, checked.stdout
    assert differing(cells_of(asked(1)[0])[CELL], cells_of(asked(2)[0])[CELL]) == []


def test_each_probe_has_its_group(asked: Callable) -> None:
    with h5py.File(cells_of(asked(1)[0])[CELL]) as file:
        assert set(file["probes"]) == {*USE.replace("file", "paraphrase, dialogue").split(", ")}
        for name, probe in file["probes"].items():
            was_put = probe["put"].asstr()[:] != ""
            assert np.all(was_put == (probe["tokens"][:] > 0)), name
            assert np.array_equal(was_put.any(axis=1), probe["asked"][:] > 0), name
        told = file["probes/paraphrase/has_gold"][:]
        assert np.all(told[:, 1] == 1), "what tells the answer counts in no rate"
        rates = dict(zip(file["rates/name"].asstr()[:], file["rates/total"][:], strict=True))
        assert rates["recovery_paraphrase"] == told.shape[0] and "recovery_dialogue" in rates


def test_what_a_file_lacks_is_said_before_work(asked: Callable) -> None:
    said = asked(1)[1].out + asked(1)[1].err
    for part in ("1 attempts of probe.file belong to no forget question", "tell the right answer and count in no rate",
                 "probe 'dialogue' of probe.file has no attempt for 1 of"):
        assert part in said


@pytest.mark.parametrize(("content", "reason"), [
    ('{"question": "Who?", "probe": "p", "prompt": "x"}\n', "asks nothing of this dataset"), ("", "has no attempts"), ("{", "neither a JSON list nor JSON lines")])
def test_a_file_that_cannot_be_asked_is_refused(unpact: Program, home: Path, target: Path, tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "attempts.jsonl"
    file.write_text(content)
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", *FEW, "--probe.file", file)
    assert ended.code == 1 and reason in ended.message(), ended.err
    assert not (tmp_path / "out").exists()


def lines_of(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_attackers_get_questions_and_a_model_writes_attempts(unpact: Program, home: Path, target: Path, campaign: Path, tmp_path: Path) -> None:
    pairs = json.loads((home / "tiny/knowmem/forget_qa.json").read_text())
    config = ("--config", home / "configs/tiny.ini")
    unpact.well("probe", "--export", tmp_path / "questions.jsonl", *config)
    lines = lines_of(tmp_path / "questions.jsonl")
    assert [line["question"] for line in lines] == [pair["question"] for pair in pairs]
    assert all(line["question_sha256"] == hashlib.sha256(line["question"].encode()).hexdigest() and line["prompt"] == "" for line in lines)
    cell = cells_of(campaign)["tiny__tiny__ga__seed3.h5"]
    told = [json.loads(line) for line in unpact.well("probe", "--export", "-", "--export.results", cell).out.splitlines()]
    with h5py.File(cell) as file:
        forget = file["questions/split"][:] == 0
        assert [line["unlearned_answer"] for line in told] == file["unlearned/answer"].asstr()[forget].tolist()
        pieces, marked = file["prompts/pieces"].asstr()[:][file["prompts/is_candidate/values"][:].astype(bool)], file["target/own/is_key_token/values"][:]
        bounds = file["target/own/is_key_token/offsets"][:].astype(int)
        assert [line["key_tokens"] for line in told] == [pieces[a:b][marked[a:b].astype(bool)].tolist() for a, b in zip(bounds[:len(told)], bounds[1:], strict=False)]
        attempts = sum(file[f"probes/{name}/answer"].size for name in file["probes"])
    assert sum(len(line["attempts"]) for line in told) == attempts
    said = unpact.well("probe", "--export", tmp_path / "attempts.jsonl", "--probe.generator", target, "--export.attempts", "2", *config, ranks=2)
    written = lines_of(tmp_path / "attempts.jsonl")
    counts = re.search(r"(\d+) attempts on 6 questions .*; left out: (\d+) empty, (\d+) equal .*, (\d+) that tell", said.out + said.err)
    assert sum(map(int, counts.groups())) == 12 and len(written) == int(counts[1])
    assert all(line["probe"] == "paraphrase" and line["prompt"] and line["made_by"] == target.name for line in written)
    for arguments, says in (((*config, "--probe.generator", target), "nothing says where to write"), (("--export", "-", *config, "--probe.generator", tmp_path), "no model in"),
                            (("--export", "-", *config, "--probe.generator", target, "--export.instructions", "Say {answer}"), "unknown field {answer}")):
        ended = unpact("probe", *arguments)
        assert ended.code == 1 and says in ended.message(), ended.err
    ended = unpact("reproduce", *config, "--output", tmp_path / "out", "--probe.generator", target)
    assert ended.code == 1 and "'probe.generator' would change nothing here" in ended.message()


def test_suites_are_choice_files(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "configs", tmp_path / "configs")
    shutil.copytree(ROOT / "configs/probes", tmp_path / "configs/probes")
    for suite in sorted((ROOT / "configs/probes").glob("*.ini")):
        printed = unpact.well("reproduce", "--config", tmp_path / "configs/tiny.ini", "--probe.suite", suite.stem, "--print-config").out
        use = next(line for line in suite.read_text().splitlines() if line.startswith("use ="))
        assert use in printed, suite
    ended = unpact("reproduce", "--config", tmp_path / "configs/tiny.ini", "--probe.suite", "all", "--print-config")
    assert ended.code == 1 and "'probe.suite' names a file" in ended.message()
