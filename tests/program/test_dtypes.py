"""model.dtype: what is answered and attributed in; it is said, decides results, and never mixes. Saved models keep their source's."""
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import BASELINE, FORGET, RETAIN, Ended, Program

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")

Tool = Callable[..., subprocess.CompletedProcess]
CELL = "tiny__tiny__ga__seed3"
# A model of two blocks whose log-probabilities reach some 10 nats: bf16 keeps 8 bits of each number on the way.
NEAR = {"bf16": 0.5, "fp16": 0.07}


@pytest.fixture(scope="module")
def halves(target: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target, stored in bfloat16."""
    folder = tmp_path_factory.mktemp("halves") / "model"
    shutil.copytree(target, folder)
    weights = safetensors.load_file(target / "model.safetensors")
    safetensors.save_file({name: tensor.to(torch.bfloat16) for name, tensor in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"torch_dtype": "bfloat16"}))
    return folder


def numbers(reply: dict) -> np.ndarray:
    return np.array([token["logprob"] for token in reply["target"]["answer_tokens"]])


def ask(unpact: Program, model: Path, *more: object) -> list[dict]:
    lines = "".join(json.dumps({"prompt": q, "answer": a}) + "\n" for q, a in FORGET[:3] + RETAIN[:3])
    return unpact.well("ask", "--model", model, "--input", "-", "--json", *more, stdin=lines).json_lines()


def test_answers_of_half_precision_are_near_and_as_near_as_those_of_transformers(unpact: Program, target: Path) -> None:
    exact = ask(unpact, target)
    assert {reply["compute_dtype"] for reply in exact} == {"fp32"}, "on the CPU, whatever the files say"
    wide = np.concatenate([numbers(reply) for reply in exact])
    torch.set_num_threads(1)
    for dtype, peer in (("bf16", torch.bfloat16), ("fp16", torch.float16)):
        replies = ask(unpact, target, "--model.dtype", dtype)
        assert {reply["compute_dtype"] for reply in replies} == {dtype}
        error = np.concatenate([numbers(reply) for reply in replies]) - wide
        assert 0 < np.abs(error).max() < NEAR[dtype]
        model, theirs = transformers.AutoModelForCausalLM.from_pretrained(target, dtype=peer).eval(), []
        for reply in exact:
            prompt, answer = ([token["id"] for token in tokens] for tokens in (reply["prompt_tokens"], reply["target"]["answer_tokens"]))
            with torch.no_grad():
                logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1:-1]
            theirs.append(torch.log_softmax(logits.double(), -1).gather(1, torch.tensor(answer)[:, None])[:, 0].numpy())
        assert np.sqrt((error**2).mean()) <= 1.5 * np.sqrt(((np.concatenate(theirs) - wide)**2).mean()), "roundings of the same number"


def test_a_file_says_dtype_noise_and_turned_verdicts(unpact: Program, attribute: Callable[..., Path], tmp_path: Path, results_tool: Tool) -> None:
    files = {dtype: attribute(tmp_path / dtype, "--model.dtype", dtype, "--attribution.verify", "4") for dtype in ("auto", "bf16", "fp16")}
    noise = {}
    for dtype, path in files.items():
        checked = results_tool("validate", path)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        with h5py.File(path) as file:
            assert file.attrs["compute_dtype"] == ("fp32" if dtype == "auto" else dtype)
            assert f"dtype = {file.attrs['compute_dtype']}\n" in file.attrs["config_resolved"], "the effective one decides"
            noise[dtype] = file.attrs["noise_floor"]
            table = file["verification"]
            per_question = np.diff(file["target/gold/contributions/offsets"][:].astype(int))
            assert 0 < table["candidates"][0] <= np.sort(per_question)[-4:].sum() and table["turned"][0] <= table["candidates"][0]
            said = json.loads(file.attrs["attribution_settings"])["verified_target"]
            assert f"{table['turned'][0]} of {table['candidates'][0]} KeyToken verdicts turn" in said
            if dtype == "auto":
                assert table["turned"][0] == 0 and table["largest_difference"][0] < 2e-5
            else:
                assert table["largest_difference"][0] > 1e-5
        shown = unpact.well("inspect", "results", path).out
        assert "verdict(s) turn, on 4 question(s)" in shown
    assert noise["bf16"] > noise["fp16"] > noise["auto"] > 0


@pytest.mark.parametrize("job", ["ask", "attribute", "tune", "evaluate", "reproduce", "plan"])
def test_what_the_device_lacks_is_refused_once_before_anything_is_read(job: str, unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    configured = ["--config", home / "configs/tiny.ini", "--output", tmp_path / "out"]
    command = {"ask": ["ask", "--model", target, "--prompt", "Who?", "--run.device", "cpu"], "attribute": ["attribute", *configured],
               "tune": ["attribute", "--tune", *configured], "evaluate": ["evaluate", *configured, "--unlearned", target],
               "reproduce": ["reproduce", *configured], "plan": ["reproduce", *configured, "--run.dry_run", "true"]}[job]
    for ranks in (1, 2) if job in ("ask", "reproduce") else (1,):
        ended = unpact(*command, "--model.dtype", "tf32", ranks=ranks)
        assert ended.code == 1, ended.out + ended.err
        message = ended.message()
        assert "model.dtype" in message and "tf32" in message and "model " not in message.splitlines()[0], message
        assert not (tmp_path / "out").exists(), "nothing was begun"
    ended = unpact(*command, "--model.dtype", "float16")
    assert ended.code == 1 and "fp16" in ended.message()


def test_two_dtypes_in_one_folder_never_mix(reproduce: Callable[..., Ended], tmp_path: Path, results_tool: Tool) -> None:
    little = ["--campaign.methods", "ga", "--dataset.limit", "3"]
    reproduce(tmp_path, *little)
    again = reproduce(tmp_path, *little, "--model.dtype", "fp32").out
    assert f"Cell {CELL} is finished already" in again, "what auto comes to"
    changed = reproduce(tmp_path, *little, "--model.dtype", "bf16").out
    assert "Asking the target" in changed and "is finished already" not in changed
    checked = results_tool("validate", tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with h5py.File(tmp_path / "campaign.h5") as file:
        assert file["metrics/compute_dtype"].asstr()[:].tolist() == ["bf16"] and file.attrs["other"] == 1
    dtypes = {}
    for kind in ("cells", "other", "baselines"):
        for path in (tmp_path / kind).rglob("*.h5"):
            with h5py.File(path) as file:
                dtypes.setdefault(kind, []).append((file.attrs["compute_dtype"], file.attrs["baseline_fingerprint"]))
    assert [dtype for dtype, _ in dtypes["cells"]] == ["bf16"] and [dtype for dtype, _ in dtypes["other"]] == ["fp32"]
    assert dtypes["cells"][0][1] != dtypes["other"][0][1], "each compares with answers of its own dtype"
    assert sorted(dtype for dtype, _ in dtypes["baselines"]) == ["bf16", "fp32"]


def stored(folder: Path) -> set[torch.dtype]:
    config = json.loads((folder / "config.json").read_text())
    weights = safetensors.load_file(folder / "model.safetensors")
    assert str(next(iter(weights.values())).dtype) == f"torch.{config.get('dtype', config.get('torch_dtype'))}"
    return {tensor.dtype for tensor in weights.values()}


def test_saved_models_have_the_dtype_of_their_source(unpact: Program, home: Path, target: Path, unlearned: Path, halves: Path, tmp_path: Path) -> None:
    assert stored(target) == stored(unlearned) == {torch.float32}, "from random weights, and from float32"
    with_halves = ["--config", home / "configs/tiny.ini", "--model", halves]
    unpact.well("unlearn", *with_halves, "--method", "whp", "--output", tmp_path / "whp", "--unlearn.epochs", "1")
    assert stored(tmp_path / "whp/model") == stored(tmp_path / "whp/model/reinforced") == {torch.bfloat16}
    unpact.well("reproduce", *with_halves, "--campaign.methods", "ga_gd", "--campaign.save_models", "true", "--dataset.limit", "2", "--output", tmp_path / "all",
                ranks=2)
    saved = next((tmp_path / "all/models").iterdir())
    assert stored(saved) == {torch.bfloat16}
    unpact.well("finetune", "--config", home / "configs/finetune.ini", "--model", halves, "--finetune.epochs", "1", "--output", tmp_path / "tuned")
    assert stored(tmp_path / "tuned/model") == {torch.bfloat16}
    loaded = transformers.AutoModelForCausalLM.from_pretrained(saved, dtype="auto")
    assert loaded.dtype == torch.bfloat16


def test_a_checkpoint_in_bfloat16_answers_in_fp32_on_the_cpu(unpact: Program, halves: Path, target: Path) -> None:
    replies, exact = ask(unpact, halves), ask(unpact, target)
    assert {reply["compute_dtype"] for reply in replies} == {"fp32"}
    error = np.concatenate([numbers(reply) for reply in replies]) - np.concatenate([numbers(reply) for reply in exact])
    assert 0 < np.abs(error).max() < NEAR["bf16"], "its weights are rounded"


def test_thresholds_are_searched_in_the_dtype_that_the_file_says(unpact: Program, home: Path, target: Path, tmp_path: Path, results_tool: Tool) -> None:
    unpact.well("attribute", "--tune", "--config", home / "configs/tiny.ini", "--output", tmp_path, "--model.dtype", "bf16", "--dataset.limit", "2",
                "--attribution.tune_objective", "effect", "--attribution.tune_alphas", "0.1,0.3", "--attribution.tune_betas", "0.1,0.3")
    checked = results_tool("validate", tmp_path / "tuning.h5")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with h5py.File(tmp_path / "tuning.h5") as file:
        assert file.attrs["compute_dtype"] == "bf16" and file.attrs["noise_floor"] > 1e-4


def test_a_baseline_says_what_its_dtype_decides(attribute: Callable[..., Path], tmp_path: Path) -> None:
    """The same folder, asked in another dtype: the first answers are kept beside the new ones."""
    attribute(tmp_path, "--dataset.limit", "2")
    attribute(tmp_path, "--dataset.limit", "2", "--model.dtype", "fp16")
    with h5py.File(tmp_path / BASELINE) as file:
        assert file.attrs["compute_dtype"] == "fp16"
    assert len(list((tmp_path / "baselines").glob("*.h5"))) == 2
