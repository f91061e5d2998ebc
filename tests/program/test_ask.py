"""`unpact ask`: one object a line, order kept, and the same numbers as transformers on the same checkpoint."""
import json
from pathlib import Path

import pytest
from unpact_program import FORGET, RETAIN, Program

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
sentencepiece = pytest.importorskip("sentencepiece")

TOLERANCE = 1e-4  # nats; the program and transformers add in a different order
QUESTIONS = [
    {"prompt": FORGET[0][0], "answer": FORGET[0][1]}, {"prompt": RETAIN[2][0], "answer": "1999"}, {"prompt": "Why?", "answer": "b"},
    {"prompt": FORGET[4][0]}, {"prompt": RETAIN[5][0]}, {"prompt": "Wo wohnt Jörg – 東京?"},
]
MODEL_KEYS = {"answer", "answer_tokens", "contributions", "key_tokens", "key_token_uncertain"}


@pytest.fixture(scope="module")
def replies(unpact: Program, target: Path, unlearned: Path) -> list[dict]:
    lines = "".join(json.dumps(question) + "\n" for question in QUESTIONS)
    return unpact.well("ask", "--model", target, "--unlearned", unlearned, "--input", "-", "--json", "--generation.max_new_tokens", "12",
                       stdin=lines).json_lines()


@pytest.fixture(scope="module")
def peers(target: Path, unlearned: Path) -> dict[str, object]:
    torch.set_num_threads(1)
    return {name: transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
            for name, folder in (("target", target), ("unlearned", unlearned))}


def log_probabilities(model: object, prompt: list[int], answer: list[int]) -> torch.Tensor:
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1:-1]
    return torch.log_softmax(logits.double(), -1).gather(1, torch.tensor(answer)[:, None])[:, 0]


def ids(tokens: list[dict]) -> list[int]:
    return [token["id"] for token in tokens]


def test_shape_of_an_answer(replies: list[dict]) -> None:
    assert [reply["prompt"] for reply in replies] == [question["prompt"] for question in QUESTIONS]
    for question, reply in zip(QUESTIONS, replies, strict=True):
        assert reply.keys() == {"prompt", "prompt_tokens", "compute_dtype", "target", "unlearned"}
        assert all(token.keys() == {"id", "piece"} for token in reply["prompt_tokens"])
        for name in ("target", "unlearned"):
            model = reply[name]
            assert MODEL_KEYS <= model.keys() and model.keys() - MODEL_KEYS <= {"own_answer"}
            assert "answer" not in question or model["answer"] == question["answer"]
            assert all(token.keys() == {"id", "piece", "logprob"} for token in model["answer_tokens"])
            assert len(model["contributions"]) == len(model["key_tokens"]) == len(reply["prompt_tokens"])
            assert all(isinstance(key, bool) for key in model["key_tokens"])


def test_only_the_question_is_a_candidate(replies: list[dict]) -> None:
    """BOS and template are context and have no contribution; the candidates stand together and spell the question."""
    for reply in replies:
        contributions = reply["target"]["contributions"]
        candidates = [i for i, c in enumerate(contributions) if c is not None]
        assert candidates == list(range(candidates[0], candidates[-1] + 1)) and contributions[0] is None and contributions[-1] is None
        assert [c is None for c in reply["unlearned"]["contributions"]] == [c is None for c in contributions]
        assert not any(key for key, c in zip(reply["target"]["key_tokens"], contributions, strict=True) if c is None)
        if reply["prompt"].isascii():
            assert "".join(reply["prompt_tokens"][i]["piece"] for i in candidates).strip() == reply["prompt"]


def test_key_tokens_follow_their_definition(replies: list[dict]) -> None:
    for reply in replies:
        for model in (reply["target"], reply["unlearned"]):
            given = [c for c in model["contributions"] if c is not None]
            expected = [c is not None and c >= 0.22 * max(given) and c >= 0.24 for c in model["contributions"]]
            assert model["key_tokens"] == expected
    assert any(any(reply["target"]["key_tokens"]) for reply in replies), "otherwise this tests nothing"


def test_tokens_are_sentencepiece_s(replies: list[dict], target: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(target / "tokenizer.model"))
    for reply in replies:
        assert ids(reply["prompt_tokens"]) == [1, *processor.encode(f"Question: {reply['prompt']}\nAnswer:")]


def test_log_probabilities_of_answers_are_transformers(replies: list[dict], peers: dict[str, object]) -> None:
    for reply in replies:
        for name, model in peers.items():
            answer = reply[name]["answer_tokens"]
            expected = log_probabilities(model, ids(reply["prompt_tokens"]), ids(answer))
            assert [token["logprob"] for token in answer] == pytest.approx(expected.tolist(), abs=TOLERANCE)


def test_contributions_are_what_removal_with_transformers_gives(replies: list[dict], peers: dict[str, object]) -> None:
    for reply in replies:
        prompt = ids(reply["prompt_tokens"])
        for name, model in peers.items():
            answer = ids(reply[name]["answer_tokens"])
            whole = log_probabilities(model, prompt, answer).mean()
            for i, contribution in enumerate(reply[name]["contributions"]):
                if contribution is not None:
                    removed = log_probabilities(model, prompt[:i] + prompt[i + 1:], answer).mean()
                    assert contribution == pytest.approx(float(whole - removed), abs=TOLERANCE), (reply["prompt"], name, i)


def test_greedy_answers_are_transformers(replies: list[dict], peers: dict[str, object], target: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(target / "tokenizer.model"))
    for question, reply in zip(QUESTIONS, replies, strict=True):
        if "answer" in question:
            continue
        for name, model in peers.items():
            prompt = torch.tensor([ids(reply["prompt_tokens"])])
            whole = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=12,
                                   pad_token_id=0)[0, prompt.shape[1]:].tolist()
            ours = ids(reply[name]["answer_tokens"])
            assert ours and whole[:len(ours)] == ours
            stopped = whole[len(ours):len(ours) + 1] in ([], [2]) or any(
                stop in processor.decode(whole) for stop in ("\n\n", "\nQuestion", "Question:"))
            assert stopped, "an answer ends at EOS, at a stop string or at its longest"


def test_checkpoints_load_in_transformers_with_their_tokenizer(target: Path, unlearned: Path) -> None:
    for folder in (target, unlearned):
        model, loading = transformers.LlamaForCausalLM.from_pretrained(folder, output_loading_info=True)
        assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
        assert model.config.vocab_size == 400 and model.generation_config.eos_token_id in (2, [2])
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        text = f"Question: {FORGET[0][0]}"
        assert transformers.AutoTokenizer.from_pretrained(folder)(text)["input_ids"] == [1, *processor.encode(text)]


def test_the_target_knows_and_the_table_of_answers_is_readable(unpact: Program, target: Path, unlearned: Path) -> None:
    question, answer = RETAIN[0]
    text = unpact.well("ask", "--model", target, "--unlearned", unlearned, "--prompt", question, "--answer", "Nobody").out
    assert text.startswith(question) and f"target answers: {answer}\n" in text and "unlearned answers: " in text
    assert "contributions to the given answer: Nobody" in text and text.count("KeyTokens: ") == 2
    assert "\033[" not in text, "no colours in a pipe"


LINES = ['{"prompt":"Where?"}', "garbage", '{"promt":"x"}', "", '{"prompt":"Why?","answer":"b"}', '{"prompt":""}', '{"prompt":"a","answer":7}',
         '["x"]', '{"prompt":"\\ud800"}', "[" * 5000, '{"prompt":"Who is last?"}']
BAD = [2, 3, 6, 7, 8, 9, 10]


@pytest.fixture(scope="module")
def lines_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    path.write_text("\n".join(LINES) + "\n")
    return path


@pytest.fixture(scope="module")
def answered(unpact: Program, target: Path, lines_file: Path) -> str:
    ended = unpact("ask", "--model", target, "--input", lines_file, "--json")
    assert ended.code == 1 and f"warning: {len(BAD)} of 10 lines could not be answered" in ended.err
    return ended.out


def test_bad_lines_give_an_error_with_their_number_and_the_rest_goes_on(answered: str) -> None:
    objects = [json.loads(line) for line in answered.splitlines()]
    assert [entry.get("line") for entry in objects] == [None, 2, 3, None, 6, 7, 8, 9, 10, None]
    assert [entry["prompt"] for entry in objects if "prompt" in entry] == ["Where?", "Why?", "Who is last?"]
    errors = [entry for entry in objects if "line" in entry]
    assert [entry["line"] for entry in errors] == BAD
    assert all(entry.keys() == {"line", "error"} and entry["error"] for entry in errors)
    assert "'prompt'" in errors[1]["error"] and "'answer'" in errors[3]["error"]
    assert not any(entry["error"].startswith("line") for entry in errors), "the number is said once"


def test_bad_lines_for_a_person(unpact: Program, target: Path, lines_file: Path) -> None:
    ended = unpact("ask", "--model", target, "--input", lines_file, "--generation.max_new_tokens", "1")
    assert ended.code == 1 and "Who is last?\n" in ended.out
    said = [line for line in ended.out.splitlines() if line.startswith("line ")]
    assert [line.split(":")[0] for line in said] == [f"line {number}" for number in BAD]
    assert all(line.split(": ", 1)[1].startswith(("the input", "a prompt", "the line")) for line in said), "the number is said once"


@pytest.mark.parametrize("ranks", [1, 2])
def test_standard_input_and_ranks_change_nothing(unpact: Program, target: Path, answered: str, lines_file: Path, ranks: int) -> None:
    ended = unpact("ask", "--model", target, "--input", "-", "--json", stdin=lines_file.read_text(), ranks=ranks)
    assert (ended.code, ended.out) == (1, answered)


def test_more_lines_than_a_page_keep_their_order_on_two_ranks(unpact: Program, target: Path) -> None:
    """Answers are printed in pages of 256."""
    lines = "".join(json.dumps({"prompt": f"Q {i}", "answer": "x"}) + "\n" for i in range(300))
    out = unpact.well("ask", "--model", target, "--input", "-", "--json", "--generation.max_new_tokens", "1", stdin=lines, ranks=2).json_lines()
    assert [reply["prompt"] for reply in out] == [f"Q {i}" for i in range(300)]


def test_longest_answer_is_bounded(unpact: Program, target: Path) -> None:
    for longest in (1, 3):
        reply, = unpact.well("ask", "--model", target, "--prompt", "Why?", "--json", "--generation.max_new_tokens", longest).json_lines()
        assert 1 <= len(reply["target"]["answer_tokens"]) <= longest


def test_nothing_to_read(unpact: Program, target: Path, tmp_path: Path) -> None:
    assert unpact.well("ask", "--model", target, "--input", "-", "--json", stdin="").out == ""
    ended = unpact("ask", "--model", target, "--input", tmp_path / "none.jsonl", ranks=2)
    assert ended.code == 1 and "none.jsonl" in ended.message()
