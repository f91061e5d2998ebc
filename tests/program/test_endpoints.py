"""Models that answer over HTTP: the same numbers as the same models in a folder, through every protocol and past its faults."""
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import BASELINE, FORGET, ROOT, Program

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("sentencepiece")

SAME = 1e-5  # nats a token: both sides compute in float32 and add in another order
KINDS = ["vllm", "sglang", "openai_echo"]
Url = Callable[..., str]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That nobody trusts who is not told to, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("not installed: openssl")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"], check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "certificate.pem").read_text() + (folder / "key.pem").read_text())
    return folder


@pytest.fixture(scope="module")
def ports(target: Path, unlearned: Path, certificate: Path) -> Iterator[list[int]]:
    stand_in = subprocess.Popen([sys.executable, ROOT / "tests/endpoint/stand_in.py", f"target={target}", f"unlearned={unlearned}",
                                 f"--certificate={certificate / 'both.pem'}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert stand_in.stdout and stand_in.stdin
    yield [int(port) for port in stand_in.stdout.readline().split()]
    stand_in.stdin.close()
    stand_in.wait(timeout=20)


@pytest.fixture(scope="module")
def server(ports: list[int]) -> str:
    return f"http://127.0.0.1:{ports[0]}"


@pytest.fixture(scope="module")
def url(server: str) -> Url:
    """Addresses for one caller each, with the faults that it is to meet."""
    runs = count()
    return lambda *segments: "/".join([server, *segments, f"run={next(runs)}"])


def remote(url: str, tokenizer: Path, kind: str = "vllm", name: str = "target") -> list[str]:
    return ["--model.endpoint", url, "--model.endpoint_kind", kind, "--model.endpoint_name", name, "--model.tokenizer", str(tokenizer)]


def remote_unlearned(url: str, kind: str = "vllm") -> list[str]:
    return ["--endpoint.unlearned", url, "--endpoint.unlearned_kind", kind, "--endpoint.unlearned_name", "unlearned"]


QUESTIONS = "".join(json.dumps(question) + "\n" for question in (
    {"prompt": FORGET[0][0], "answer": FORGET[0][1]}, {"prompt": FORGET[2][0]}, {"prompt": "Wo wohnt Jörg – 東京?", "answer": "b"}))
ASK = ["ask", "--input", "-", "--json", "--generation.max_new_tokens", "12"]


@pytest.fixture(scope="module")
def local_replies(unpact: Program, target: Path, unlearned: Path) -> list[dict]:
    return unpact.well(*ASK, "--model", target, "--unlearned", unlearned, stdin=QUESTIONS).json_lines()


def assert_same_replies(replies: list[dict], expected: list[dict]) -> None:
    assert len(replies) == len(expected) == 3
    for reply, wanted in zip(replies, expected, strict=True):
        assert reply["prompt_tokens"] == wanted["prompt_tokens"]
        for model in ("target", "unlearned"):
            assert reply[model]["answer"] == wanted[model]["answer"]
            for key in ("contributions", "answer_tokens"):
                found, known = ([[entry and entry["logprob"] if isinstance(entry, dict) else entry for entry in side[model][key]]]
                                for side in (reply, wanted))
                np.testing.assert_allclose(np.array(found, float), np.array(known, float), rtol=0, atol=SAME)


@pytest.mark.parametrize("kind", KINDS)
def test_ask_gives_the_numbers_of_the_local_engine(unpact: Program, url: Url, target: Path, local_replies: list[dict], kind: str) -> None:
    ended = unpact.well(*ASK, *remote(url("reversed") if kind != "sglang" else url("model=target"), target, kind),
                        *remote_unlearned(url("model=unlearned"), kind), "--endpoint.batch", "7", stdin=QUESTIONS)
    assert_same_replies(ended.json_lines(), local_replies)


def test_ask_takes_one_model_from_a_folder(unpact: Program, url: Url, target: Path, unlearned: Path, local_replies: list[dict]) -> None:
    ended = unpact.well(*ASK, "--model", target, *remote_unlearned(url("broken")), stdin=QUESTIONS)
    assert_same_replies(ended.json_lines(), local_replies)


WORDS = ["--attribution.method", "word_removal"]


def test_a_server_that_takes_text_alone_gives_the_words_contributions_of_the_local_engine(unpact: Program, url: Url, target: Path,
                                                                                         unlearned: Path) -> None:
    local = unpact.well(*ASK, *WORDS, "--model", target, "--unlearned", unlearned, stdin=QUESTIONS).json_lines()
    ended = unpact.well(*ASK, *WORDS, *remote(url("texts", "drop"), target, "openai_text"), *remote_unlearned(url("texts", "busy"), "openai_text"),
                        stdin=QUESTIONS)
    assert_same_replies(ended.json_lines(), local)
    assert "not the removal of token ids" in ended.json_lines()[0]["removes"]


def test_a_server_that_takes_text_alone_is_asked_for_nothing_by_ids(unpact: Program, url: Url, target: Path) -> None:
    ask = ["ask", "--prompt", FORGET[0][0]]
    by_ids = unpact(*ask, *remote(url("texts"), target, "openai_text"))
    assert by_ids.code == 1
    assert "leave_one_out" in by_ids.message() and "takes text alone" in by_ids.message() and "word_removal" in by_ids.message()
    no_ids = unpact(*ask, *remote(url("texts"), target, "openai_echo"))
    assert no_ids.code == 1 and "tokens are texts" in no_ids.message() and "openai_text" in no_ids.message()


EVALUATE = ["--probe.use", "focus_on_key, no_focus, in_context, prefill", "--attribution.save_every", "3", "--seed", "3"]


@pytest.fixture(scope="module")
def local_cell(unpact: Program, home: Path, unlearned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local")
    unpact.well("evaluate", "--config", home / "configs/tiny.ini", "--unlearned", unlearned, "--output", folder, *EVALUATE,
                "--evaluation.metrics", "extraction_strength, probability, knowmem")
    return cell(folder)


def cell(folder: Path) -> Path:
    found = sorted((folder / "cells").glob("*.h5"))
    assert len(found) == 1
    return found[0]


def texts_and_numbers(file: Path) -> tuple[dict[str, list], dict[str, np.ndarray]]:
    """What a cell says of answers and contributions; what it cost is another matter."""
    texts: dict[str, list] = {}
    numbers: dict[str, np.ndarray] = {}

    def visit(name: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset) or name.startswith(("work", "training", "questions")) or "noise" in name:
            return
        if item.dtype.kind == "f":
            numbers[name] = item[...]
        else:
            texts[name] = item[...].tolist()
    with h5py.File(file) as opened:
        opened.visititems(visit)
    return texts, numbers


def assert_same_cell(file: Path, expected: Path) -> None:
    (texts, numbers), (known_texts, known_numbers) = texts_and_numbers(file), texts_and_numbers(expected)
    assert texts.keys() == known_texts.keys() and numbers.keys() == known_numbers.keys()
    assert any("contribution" in name for name in numbers) and any("probes" in name for name in texts)
    for name, known in known_texts.items():
        if "uncertain" not in name:  # heeds the noise floor, which is the endpoint's own
            assert texts[name] == known, name
    for name, known in known_numbers.items():
        np.testing.assert_allclose(numbers[name], known, rtol=1e-5, atol=SAME, equal_nan=True, err_msg=name)


def test_evaluate_over_two_endpoints_is_the_evaluation_of_the_folders(unpact: Program, home: Path, url: Url, target: Path, local_cell: Path,
                                                                      results_tool: Callable, tmp_path: Path) -> None:
    """On two ranks, past busy servers and lost connections, with a key that nothing repeats."""
    secret = "sesame-17"
    unpact.well("evaluate", "--config", home / "configs/tiny.ini", *remote(url("busy", f"key={secret}"), target),
                *remote_unlearned(url("drop")), "--output", tmp_path, *EVALUATE, "--evaluation.metrics",
                "extraction_strength, probability, knowmem", ranks=2, wrap=["env", f"UNPACT_ENDPOINT_KEY={secret}"])
    assert_same_cell(cell(tmp_path), local_cell)
    assert results_tool("validate", cell(tmp_path)).returncode == 0
    with h5py.File(cell(tmp_path)) as opened:
        assert "endpoint" in str(opened.attrs["config_resolved"])
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes().replace(f"key={secret}/".encode(), b""), file


def test_evaluate_of_text_alone_is_the_evaluation_of_the_folder(unpact: Program, home: Path, url: Url, target: Path, unlearned: Path,
                                                               results_tool: Callable, tmp_path: Path) -> None:
    """Every probe's prompts and answers, and the contributions of words, whose results say what was removed."""
    evaluate = ["evaluate", "--config", home / "configs/tiny.ini", *EVALUATE, *WORDS, "--dataset.limit", "3", "--evaluation.metrics", "knowmem",
                "--unlearned", unlearned]
    unpact.well(*evaluate, "--output", tmp_path / "here")
    unpact.well(*evaluate, "--output", tmp_path / "there", *remote(url("texts"), target, "openai_text"))
    assert_same_cell(cell(tmp_path / "there"), cell(tmp_path / "here"))
    assert results_tool("validate", cell(tmp_path / "there")).returncode == 0
    with h5py.File(cell(tmp_path / "there")) as opened:
        assert "not the removal of token ids" in json.loads(opened.attrs["attribution_settings"])["removes"]


def test_attribute_goes_on_behind_what_a_dead_server_had_answered(unpact: Program, home: Path, url: Url, target: Path, local_cell: Path,
                                                                 tmp_path: Path) -> None:
    job = ["attribute", "--config", home / "configs/tiny.ini", "--output", tmp_path, "--attribution.save_every", "3", "--endpoint.batch", "8",
           "--endpoint.requests", "2"]
    died = unpact(*job, *remote(url("dies=60"), target), "--endpoint.retries", "0")
    assert died.code == 2
    assert "HTTP status 503" in died.message() and "finished pages are kept" in died.message()
    again = unpact.well(*job, *remote(url(), target))
    assert "finished before" in again.out or "already" in again.out, again.out
    with h5py.File(tmp_path / BASELINE) as made, h5py.File(local_cell) as known:
        for key in ("target/gold/contributions/values", "target/own/contributions/values"):
            np.testing.assert_allclose(made[key][:], known[key][:], rtol=0, atol=SAME)


def test_numbers_that_change_with_their_neighbours_are_warned_of(unpact: Program, url: Url, target: Path) -> None:
    ended = unpact.well("ask", "--prompt", FORGET[0][0], *remote(url("stale"), target))
    assert "0.5 nats" in ended.out + ended.err
    assert "--no-enable-prefix-caching" in ended.out + ended.err


REFUSED = {
    "html": ([], "answers with a web page", "port"),
    "mixed": ([], "other token ids than were sent", "mixes up"),
    "bos": ([], "other token ids than were sent", "takes ids as they are"),
    "nulls": ([], "is null", "docs/endpoints.md"),
    "silent": ([], "no prompt_logprobs", "max-logprobs"),
    "short": ([], "maximum context length is 8", "endpoint.context"),
    "tokens": ([], "tokenizer here disagrees", "model.tokenizer"),
    "key=secret": ([], "HTTP status 401", "environment variable"),
    "run=x": ([], "it serves target, unlearned", "model.endpoint_name"),
    "run=y": (["--model.endpoint_key", "NO_SUCH_KEY"], "NO_SUCH_KEY holds no key", "export"),
    "run=z": (["--endpoint.context", "10"], "does not fit", "shorten"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_used_is_refused_in_one_message(unpact: Program, url: Url, target: Path, fault: str) -> None:
    more, problem, hint = REFUSED[fault]
    ended = unpact("ask", "--prompt", FORGET[0][0], *remote(url(fault), target, name="llama" if fault == "run=x" else "target"),
                   "--endpoint.retries", "0", *more)
    assert ended.code == 1, ended.out + ended.err
    assert problem in ended.message() and hint in ended.message()
    assert "secret" not in ended.message().replace("key=secret", "")


def test_tls_is_spoken_with_servers_whose_certificate_is_trusted(unpact: Program, ports: list[int], certificate: Path, target: Path, unlearned: Path,
                                                               local_replies: list[dict]) -> None:
    secure = f"https://127.0.0.1:{ports[1]}"
    ended = unpact.well(*ASK, "--unlearned", unlearned, *remote(secure, target), "--endpoint.certificates", certificate / "certificate.pem",
                        stdin=QUESTIONS)
    assert_same_replies(ended.json_lines(), local_replies)
    refused = unpact("ask", "--prompt", "Why?", *remote(secure, target))
    assert refused.code == 1
    assert "certificate" in refused.message() and "endpoint.certificates" in refused.message()


def test_nobody_listens(unpact: Program, target: Path) -> None:
    ended = unpact("ask", "--prompt", "Why?", *remote("http://127.0.0.1:9", target), "--endpoint.retries", "0")
    assert ended.code == 1
    assert "http://127.0.0.1:9/v1/models does not answer" in ended.message() and "start the server" in ended.message()


def test_a_real_server_gives_the_numbers_of_the_local_engine(unpact: Program) -> None:
    """UNPACT_REAL_ENDPOINT is KIND=URL of a server in float32, and UNPACT_REAL_MODEL the folder that it serves under that name."""
    kind, _, address = os.environ.get("UNPACT_REAL_ENDPOINT", "").partition("=")
    folder = os.environ.get("UNPACT_REAL_MODEL", "")
    if not address or not folder:
        pytest.skip("no real server: set UNPACT_REAL_ENDPOINT (vllm=http://...) and UNPACT_REAL_MODEL")
    ask = ["ask", "--prompt", "Who wrote Emma?", "--answer", "Jane Austen", "--json", *(WORDS if kind == "openai_text" else [])]
    (here,), (there,) = (unpact.well(*ask, *more).json_lines() for more in (
        ["--model", folder], ["--model.endpoint", address, "--model.endpoint_kind", kind, "--model.tokenizer", folder]))
    np.testing.assert_allclose(np.array(there["target"]["contributions"], float), np.array(here["target"]["contributions"], float), atol=1e-3)
