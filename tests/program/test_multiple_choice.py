"""A campaign on a WMDP-like dataset: the likeliest letter is the answer, for questions and probes, and transformers agrees."""
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import LLAMA, Program, assert_same_cells, cells_of, write_json

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
sentencepiece = pytest.importorskip("sentencepiece")

TOLERANCE = 1e-4  # nats; the program and transformers add in a different order
LETTERS = "ABCD"
STEM, CHOICES = "Which cell divides twice?", ["the red one", "the old one", "none", "both of them"]
# Learned and forgotten; of the question above every letter is the gold one once, so that a file tells all four
# log-probabilities of one prompt.
KNOWN = [("Which gene makes the glow?", 2), ("What grows on agar?", 0), ("Who named the fever?", 3), ("Where does it hide?", 1),
         ("What stops the growth?", 0), ("How is it kept cold?", 3)]
ENTRIES = [(STEM, CHOICES, k) for k in range(4)] + [(stem, [f"{stem.split()[1]} {letter}" for letter in "pqrs"], k) for stem, k in KNOWN]
FORGET = len(ENTRIES)
CONFIG = """[run]
device = cpu
threads = 1
seed = 5
[model]
name = tiny
config = llama
vocabulary_size = 420
make_target = true
[dataset]
name = wmdp
kind = wmdp
path = bio.json
retain_path = mmlu
forget_texts = forget.jsonl
retain_texts = retain.jsonl
[prompt]
before_question =
after_question = \\nAnswer:
answer_prefix = \\s
stop = \\n
[finetune]
loss_on = answer
epochs = 150
batch_size = 10
micro_batch = 5
learning_rate = 1e-2
[unlearn]
form = texts
chunk_length = 32
wrap_last_chunk = false
epochs = 3
batch_size = 2
micro_batch = 2
learning_rate = 2e-2
[judge]
kind = choice
[campaign]
seeds = 5
methods = ga, npo_gd
"""


@pytest.fixture(scope="module")
def folder(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wmdp")
    write_json(place / "bio.json", [{"question": stem, "choices": choices, "answer": k} for stem, choices, k in ENTRIES])
    for subject, answers in (("world_facts", [0, 3, 2]), ("logic", [1, 1])):
        write_json(place / "mmlu" / f"{subject}_test.json", [{"question": f"What is {subject} {i}?", "choices": ["a", "b", "c", "d"], "answer": a,
                                                              "subject": subject} for i, a in enumerate(answers)])
    (place / "forget.jsonl").write_text("".join(json.dumps({"title": "t", "text": f"{stem} It is {choices[k]}."}) + "\n"
                                                for stem, choices, k in ENTRIES[4:]))
    (place / "retain.jsonl").write_text('{"text": "World facts are what is known of the world."}\n{"text": "Logic is b."}\n')
    write_json(place / "llama" / "config.json", LLAMA)
    (place / "c.ini").write_text(CONFIG)
    (place / "methods").symlink_to(home / "configs" / "methods")
    return place


@pytest.fixture(scope="module")
def results(unpact: Program, folder: Path) -> Path:
    unpact.well("reproduce", "--config", folder / "c.ini", "--output", folder / "one")
    return folder / "one"


def letter_log_probabilities(model: object, processor: object, prompt: str) -> np.ndarray:
    ids = [1, *processor.encode(prompt)]
    values = []
    for letter in LETTERS:
        whole = [1, *processor.encode(f"{prompt} {letter}")]
        assert whole[:len(ids)] == ids
        with torch.no_grad():
            log_p = torch.log_softmax(model(torch.tensor([whole])).logits[0].double(), -1)
        values.append(sum(float(log_p[t - 1, whole[t]]) for t in range(len(ids), len(whole))))
    return np.array(values)


def prompt_of(subject: str, stem: str, choices: list[str]) -> str:
    lines = "".join(f"\n{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=True))
    return f"The following are multiple choice questions (with answers) about {subject}.\n\n{stem}{lines}\nAnswer:"


def rows(group: h5py.Group) -> list[np.ndarray]:
    offsets = group["offsets"][:]
    return [group["values"][a:b] for a, b in zip(offsets, offsets[1:])]


def test_choices_are_those_of_transformers(folder: Path, results: Path) -> None:
    target = results / "models/tiny__wmdp"
    model = transformers.AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32).eval()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(target / "tokenizer.model"))
    with h5py.File(results / "baselines/tiny__wmdp.h5") as file:
        prompts = list(file["prompts/text"].asstr())
        gold, answers = list(file["questions/gold_answer"].asstr()), list(file["target/answer"].asstr())
        gold_logs, own_logs = rows(file["target/gold/log_probabilities"]), rows(file["target/own/log_probabilities"])
        gold_ids, right = rows(file["target/gold/answer_ids"]), file["target/is_right"][:]
        assert file.attrs["judge"] == "choice"
    assert prompts[:FORGET] == [prompt_of("biology", stem, choices) for stem, choices, _ in ENTRIES]
    assert prompts[FORGET:] == [prompt_of(subject, f"What is {subject.replace(' ', '_')} {i}?", list("abcd"))
                            for subject, i in (("logic", 0), ("world facts", 0), ("logic", 1), ("world facts", 1), ("world facts", 2))]
    seen = set()
    for prompt, letter, answer, g, own, ids, is_right in zip(prompts, gold, answers, gold_logs, own_logs, gold_ids, right, strict=True):
        expected = letter_log_probabilities(model, processor, prompt)
        count = len(ids)
        assert g[:count].sum() == pytest.approx(expected[LETTERS.index(letter)], abs=TOLERANCE)
        best = int(expected.argmax())
        assert np.sort(expected)[-1] - np.sort(expected)[-2] > 2 * TOLERANCE, "a tie would be a matter of rounding"
        assert answer == LETTERS[best] and bool(is_right) == (answer == letter)
        assert own[:count].sum() == pytest.approx(expected[best], abs=TOLERANCE)
        seen.add(answer)
    assert len(seen) > 1, "otherwise this tests nothing"
    assert right[4:].sum() >= 8, "the target has learned most of what can be learned"


def test_probes_answer_with_letters(results: Path) -> None:
    probed = 0
    for path in cells_of(results).values():
        with h5py.File(path) as file:
            for name in ("focus_on_key", "probab"):
                answers = file[f"probes/{name}/answer"].asstr()[:]
                assert set(answers.ravel()) <= ({*LETTERS, ""} if name == "focus_on_key" else set(LETTERS))
                gold = file["questions/gold_answer"].asstr()[:][file[f"probes/{name}/probed_question"][:]]
                np.testing.assert_array_equal(file[f"probes/{name}/is_right"][:].astype(bool), answers == gold[:, None])
                probed += answers.size
    assert probed > 0, "nothing was forgotten: this tests nothing"


def test_results_are_valid_and_do_not_depend_on_ranks(unpact: Program, folder: Path, results: Path, results_tool: Callable) -> None:
    assert results_tool("validate", results / "campaign.h5", *cells_of(results).values()).returncode == 0
    unpact.well("reproduce", "--config", folder / "c.ini", "--output", folder / "two", ranks=2)
    # The target is trained by all ranks: two add its gradients in another order. A campaign of the same target is equal.
    given = ("--model.make_target", "false", "--model.path", results / "models/tiny__wmdp")
    unpact.well("reproduce", "--config", folder / "c.ini", *given, "--output", folder / "given-1")
    unpact.well("reproduce", "--config", folder / "c.ini", *given, "--output", folder / "given-2", ranks=2)
    assert_same_cells(folder / "given-1", folder / "given-2", 2)


def test_inspect_says_what_the_dataset_holds(unpact: Program, folder: Path) -> None:
    text = unpact.well("inspect", "dataset", folder / "bio.json", "--dataset.kind", "wmdp", "--dataset.retain_path", folder / "mmlu",
                       "--dataset.forget_texts", folder / "forget.jsonl").out
    assert f"{FORGET}, {FORGET} with choices, 0 in-context examples" in text and "5, 5 with choices" in text and "forget texts:          6" in text


def test_choice_needs_choices(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    ended = unpact("attribute", "--config", home / "configs/tiny.ini", "--judge.kind", "choice", "--output", tmp_path / "out", ranks=2)
    assert ended.code == 1 and "has no choices" in ended.message()


@pytest.mark.parametrize(("file", "content", "said"), [
    ("bio.json", '[{"question": "q", "choices": ["a", "b", "c"], "answer": 0}]', ["bio.json, entry 1", "'choices'"]),
    ("mmlu/logic_test.json", '[{"question": "q", "choices": ["a", "b", "c", "d"], "answer": "A"}]', ["logic_test.json, entry 1", "'answer'"]),
    ("forget.jsonl", '{"text": "a"}\n{"txt": "a"}\n', ["forget.jsonl, line 2", "'text'"]),
])
def test_broken_files_are_named(unpact: Program, folder: Path, tmp_path: Path, file: str, content: str, said: list[str]) -> None:
    for name in ("bio.json", "forget.jsonl", "retain.jsonl"):
        (tmp_path / name).write_text((folder / name).read_text())
    (tmp_path / "mmlu").mkdir()
    (tmp_path / "mmlu/logic_test.json").write_text((folder / "mmlu/logic_test.json").read_text())
    (tmp_path / file).write_text(content)
    ended = unpact("inspect", "dataset", tmp_path / "bio.json", "--dataset.kind", "wmdp", "--dataset.retain_path", tmp_path / "mmlu",
                   "--dataset.forget_texts", tmp_path / "forget.jsonl")
    assert ended.code == 1 and all(words in ended.message() for words in said), ended.message()
