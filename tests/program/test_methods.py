"""Every method that the campaign of conftest.py leaves out: in a campaign, by itself, and what it leaves behind."""
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from unpact_program import FORGET, ROOT, Program, cells_of, datasets_of, differing

Tool = Callable[..., subprocess.CompletedProcess]
CHOICES = ["npo_muse", "npo_gd_muse", "npo_kl_muse", "ga_kl_muse", "ga_kl_open_unlearning", "npo_gd_open_unlearning",
           "npo_kl_open_unlearning", "rmu_open_unlearning", "simnpo_gd", "idk_dpo", "undial", "ceu", "wga_gd", "satimp_gd", "etw_gd", "tnpo_gd", "aga_gd", "jensun", "pdu",
           "whp"]
# Published learning rates and epochs do nothing, or too much, to a model of 44 000 weights; RMU's blocks do not exist in it.
SMALL = ("--method.learning_rate", "3e-3", "--method.epochs", "3", "--method.layer", "1")


@pytest.fixture(scope="module")
def campaign(unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("methods") / "out"
    unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--campaign.methods", ",".join(CHOICES), *SMALL, "--output", folder, ranks=2)
    return folder


def cell(folder: Path, method: str) -> Path:
    return folder / "cells" / f"tiny__tiny__{method}__seed3.h5"


def test_every_choice_file_is_tested_somewhere(methods: list[str]) -> None:
    """Here or in the campaign of conftest.py; the others are the same methods with numbers for another model, or palu, which needs
    entities and is compared with PyTorch in tests/unlearn."""
    variants = {"rmu_demo", "rmu_wmdp_zephyr", "pdu_muse_news", "awga_gd", "palu"}
    assert {path.stem for path in (ROOT / "configs/methods").glob("*.ini")} == set(CHOICES) | set(methods) | variants


def test_every_method_finishes_its_cell(campaign: Path, results_tool: Tool) -> None:
    assert len(cells_of(campaign)) == len(CHOICES)
    checked = results_tool("validate", campaign / "campaign.h5", *cells_of(campaign).values())
    assert checked.returncode == 0, checked.stdout + checked.stderr
    weakest = {}
    for method in CHOICES:
        with h5py.File(cell(campaign, method)) as file:
            assert file.attrs["method"] == method
            loss, retain = file["training/loss"][:], file["training/retain_loss"][:]
            assert len(loss) == 3 and np.all(np.isfinite(loss)), method
            assert np.all(np.isfinite(retain)) or method in ("npo_muse", "undial", "ceu", "whp"), method
            weakest[method] = abs(file["unlearned/gold/log_probabilities/values"][:] - file["target/gold/log_probabilities/values"][:]).max()
    assert all(change > 1e-3 for change in weakest.values()), f"a method that changes nothing: {weakest}"


def test_kept_numbers_change_nothing(campaign: Path, unpact: Program, home: Path, tmp_path: Path) -> None:
    """Computed in every step, or kept in a file that the methods share: the same training but for rounding."""
    chosen = ["npo_kl_muse", "npo_gd_open_unlearning", "undial", "rmu_open_unlearning"]
    for where in ("none", "disk"):
        out = tmp_path / where
        unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--campaign.methods", ",".join(chosen), *SMALL,
                    "--method.cache", where, "--output", out, "--campaign.ranks_per_cell", "2", ranks=2)
        assert sorted(path.suffix for path in out.glob("cache/*")) == ([] if where == "none" else [".rows"] * len(list(out.glob("cache/*"))))
        assert (where == "none") == (not (out / "cache").exists())
        for method in chosen:
            one, two = datasets_of(cell(campaign, method)), datasets_of(cell(out, method))
            for column in ("loss", "gradient_norm"):
                np.testing.assert_allclose(one[f"training/{column}"], two[f"training/{column}"], rtol=1e-3, err_msg=f"{where} {method} {column}")


@pytest.fixture(scope="module")
def pair(unpact: Program, home: Path, target: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two, by the job unlearn."""
    folder = tmp_path_factory.mktemp("whp")
    unpact.well("unlearn", "--config", home / "configs/tiny.ini", "--method", "whp", *SMALL, "--output", folder)
    return folder / "model"


def test_a_model_of_two_is_evaluated_as_the_campaign_does(pair: Path, campaign: Path, unpact: Program, home: Path, tmp_path: Path) -> None:
    assert json.loads((pair / "contrast.json").read_text()) == {"scale": 4.0}
    assert {path.name for path in (pair / "reinforced").iterdir()} >= {"config.json", "model.safetensors"}
    unpact.well("evaluate", "--config", home / "configs/tiny.ini", "--unlearned", pair, "--output", tmp_path / "out")
    assert list(cells_of(tmp_path / "out")) == ["tiny__tiny__whp__seed3.h5"], "the folder says which method it was"
    one, other = datasets_of(cell(campaign, "whp")), datasets_of(cell(tmp_path / "out", "whp"))
    for key in one:
        if key.startswith(("unlearned/", "outcome/", "probes/", "rates/")):
            assert one[key].tobytes() == other[key].tobytes(), key


@pytest.mark.parametrize("command", [
    ("unlearn", "--method", "ga"), ("unlearn", "--method", "npo_kl"), ("unlearn", "--method", "ga", "--train.shard", "none"),
    ("unlearn", "--method", "ga", "--dry-run"), ("unlearn", "--method", "tv"), ("finetune",), ("reproduce", "--campaign.methods", "ga"),
])
def test_no_training_starts_from_a_model_of_two(pair: Path, unpact: Program, home: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    job, *more = command
    ended = unpact(job, "--config", home / "configs/tiny.ini", *more, "--model.path", pair, "--output", tmp_path / "out")
    assert ended.code == 1, ended.out + ended.err
    message = ended.message()
    assert all(word in message for word in ("cannot be trained", "answers by two models", "start from the target")), message
    assert not (tmp_path / "out/model").exists() and not list((tmp_path / "out").rglob("*.h5"))


def test_a_model_of_two_answers_with_the_tokens_of_the_formula(pair: Path, unpact: Program) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    reply, = unpact.well("ask", "--model", pair, "--prompt", FORGET[0][0], "--answer", FORGET[0][1], "--json").json_lines()
    ids = torch.tensor([[token["id"] for token in reply["prompt_tokens"] + reply["target"]["answer_tokens"]]])
    with torch.no_grad():
        base, raised = (transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(ids).logits[0]
                        for folder in (pair, pair / "reinforced"))
    log_p = torch.log_softmax(base - 4.0 * torch.relu(raised - base), -1)
    answer = [token["id"] for token in reply["target"]["answer_tokens"]]
    begin = len(reply["prompt_tokens"]) - 1
    expected = [float(log_p[begin + k, token]) for k, token in enumerate(answer)]
    # fp32 in another order, times 4 by the scale
    assert [token["logprob"] for token in reply["target"]["answer_tokens"]] == pytest.approx(expected, abs=5e-4)


def test_attributions_of_a_model_of_two_are_right_or_refused(pair: Path, unpact: Program, home: Path, tmp_path: Path) -> None:
    ended = unpact("ask", "--model", pair, "--prompt", FORGET[0][0], "--attribution.method", "rollout")
    assert ended.code == 1 and "rollout cannot look into this model" in ended.message() and "two models" in ended.message()
    ended = unpact.well("evaluate", "--config", home / "configs/tiny.ini", "--unlearned", pair, "--attribution.verify", "2", "--output", tmp_path)
    assert "unlearned: not verified, its contributions come from the reference engine in float32 already" in ended.out + ended.err
    assert datasets_of(next((tmp_path / "cells").glob("*.h5")))["verification/questions"].tolist() == [2], "the target's alone"


def test_unlearning_json_says_how(unlearned: Path, target: Path, unpact: Program) -> None:
    said = json.loads((unlearned / "unlearning.json").read_text())
    assert said["method"] == "ga_gd" and said["options"]["method.forget"] == "ga" and said["options"]["unlearn.epochs"] == "4"
    text = unpact.well("inspect", "model", target).out
    assert said["target_sha256"] in text


def test_evaluate_covers_the_weights(unlearned: Path, unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """Another unlearned model under the same path is another cell; a checksum that does not fit is refused."""
    out, folder = tmp_path / "out", tmp_path / "model"
    shutil.copytree(unlearned, folder)
    command = ("evaluate", "--config", home / "configs/tiny.ini", "--unlearned", folder, "--output", out)
    unpact.well(*command)
    name = "tiny__tiny__ga_gd__seed3.h5"
    with h5py.File(out / "cells" / name) as file:
        first, configured = file.attrs["fingerprint"], file.attrs["config_resolved"]
    assert "epochs = 4" in configured.split("[unlearn]")[1], "the options are those that made the model"
    shutil.copy(target / "model.safetensors", folder / "model.safetensors")
    unpact.well(*command)
    with h5py.File(out / "cells" / name) as file:
        assert file.attrs["fingerprint"] == first, "the cell of the first model is kept"
    (other,) = cells_of(out).keys() - {name}
    with h5py.File(out / "cells" / other) as file:
        assert file.attrs["fingerprint"] != first
    ended = unpact(*command, "--evaluate.checksum", "0" * 64)
    assert ended.code == 1 and "evaluate.checksum" in ended.message()
    (folder / "unlearning.json").unlink()
    unpact.well(*command)
    assert "tiny__tiny__unlearned__seed3.h5" in cells_of(out)


@pytest.mark.parametrize(("text", "said"), [("[]", "unlearning.json"), ('{"method": 3}', "method"), ('{"method": "x", "options": []}', "options"),
                                            ('{"method": "x", "options": {"method.forget": "magic"}}', "method.forget"),
                                            ('{"method": "x", "options": {"unlearn.epochs": "many"}}', "unlearn.epochs")])
def test_a_broken_unlearning_json_is_refused(text: str, said: str, unlearned: Path, unpact: Program, home: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(unlearned, tmp_path / "model"))
    (folder / "unlearning.json").write_text(text)
    ended = unpact("evaluate", "--config", home / "configs/tiny.ini", "--unlearned", folder, "--output", tmp_path / "out")
    assert ended.code == 1 and said in ended.message()


def test_dpo_takes_lines_or_answers_of_each_question(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    given = tmp_path / "alternates.jsonl"
    given.write_text("".join(json.dumps({"question": q, "answer": f"Nobody {i}"}) + "\n" for i, (q, _) in enumerate(FORGET)))
    command = ("unlearn", "--config", home / "configs/tiny.ini", "--method", "idk_dpo", *SMALL, "--output", tmp_path / "out")
    unpact.well(*command, "--method.alternates", given)
    given.write_text(json.dumps({"question": FORGET[0][0], "answer": "Nobody"}) + "\n")
    ended = unpact(*command, "--method.alternates", given)
    assert ended.code == 1 and FORGET[1][0] in ended.message()
    empty = tmp_path / "empty.txt"
    empty.write_text("\n\n")
    for path, said in ((empty, "empty"), (tmp_path / "none.txt", "none.txt")):
        ended = unpact(*command, "--method.alternates", path)
        assert ended.code == 1 and said in ended.message()
    ended = unpact(*command, "--unlearn.form", "texts")
    assert ended.code == 1 and "contradict" in ended.message()


def test_given_token_weights(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """Weights of 1 are gradient ascent; a list that does not fit is refused with its line."""
    path = tmp_path / "weights.jsonl"
    command = ("unlearn", "--config", home / "configs/tiny.ini", "--method", "ga", *SMALL)
    weighted = (*command, "--method.weighting", "given", "--method.weights_path", path)

    def refused() -> str:
        ended = unpact(*weighted, "--output", tmp_path / "refused")
        assert ended.code == 1
        return ended.message()

    path.write_text("[1]\n" * len(FORGET))
    message = refused()
    assert "line 1" in message and "tokens with loss" in message
    counts = []
    while len(counts) < len(FORGET):  # the messages say how many are needed
        path.write_text("".join(json.dumps([1] * n) + "\n" for n in counts) + "[]\n" * (len(FORGET) - len(counts)))
        counts.append(int(refused().split("the example has ")[1].split()[0]))
    path.write_text("".join(json.dumps([1] * n) + "\n" for n in counts))
    unpact.well(*weighted, "--output", tmp_path / "weighted")
    unpact.well(*command, "--output", tmp_path / "plain")
    safetensors = pytest.importorskip("safetensors.numpy")
    one, two = (safetensors.load_file(tmp_path / name / "model/model.safetensors") for name in ("weighted", "plain"))
    assert all(np.allclose(one[key], two[key], atol=1e-5) for key in one)
    path.write_text("".join(json.dumps([-1] * n) + "\n" for n in counts))
    assert "no number >= 0" in refused()
    path.write_text("[1]\n")
    assert f"{len(FORGET)} examples" in refused()


def test_help_lists_the_methods(unpact: Program) -> None:
    for job in ("unlearn", "evaluate", "reproduce"):
        text = unpact.well(job, "--help").out
        assert "[method]" in text and all(f"\n    {name} " in text for name in ("ga", "npo", "simnpo", "dpo", "undial", "ceu", "pdu", "rmu", "tv", "whp"))


def test_texts_by_either_rule_of_chunks(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    for rule, sampling in (("muse", "paired"), ("open_unlearning", "uniform")):
        unpact.well("unlearn", "--config", home / "configs/tiny.ini", "--method", "npo_gd", "--unlearn.form", "texts", "--unlearn.chunk_rule", rule,
                    "--unlearn.chunk_length", "16", "--unlearn.retain_sampling", sampling, "--output", tmp_path / rule)
    ended = unpact("unlearn", "--config", home / "configs/tiny.ini", "--unlearn.retain_sampling", "random", "--output", tmp_path / "x")
    assert ended.code == 1 and "epoch, uniform, paired" in ended.message()


def test_results_of_one_method_do_not_depend_on_the_ranks(campaign: Path, unpact: Program, home: Path, tmp_path: Path) -> None:
    unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--campaign.methods", "pdu", *SMALL, "--output", tmp_path / "out")
    assert differing(cell(campaign, "pdu"), cell(tmp_path / "out", "pdu")) == []
