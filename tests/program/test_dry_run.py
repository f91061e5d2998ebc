"""unlearn --dry-run says what memory a rank needs, loads no weights, and refuses what does not fit; reproduce --dry-run says what a
campaign costs."""
import json
import re
import shutil
from pathlib import Path

import h5py
import pytest
from unpact_program import Program, write_json

LINES = ["weights of the shard", "gradients of the shard", "optimizer's moments of the shard", "activations of all blocks",
         "logits", "together"]


def gibibytes(text: str) -> dict[str, float]:
    return {name: float(value) for value, name in re.findall(r"^ +([0-9.]+) GiB  (.+)$", text, re.MULTILINE)}


def test_the_plan_is_printed_and_nothing_is_written(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    given = ["unlearn", "--config", home / "configs/tiny.ini", "--method", "ga", "--output", tmp_path / "out", "--dry-run"]
    alone = gibibytes(unpact.well(*given).out)
    assert list(alone) == LINES
    assert not (tmp_path / "out/model").exists()
    together = gibibytes(unpact.well(*given, ranks=2).out)
    assert "two gathered blocks and two blocks of gradients" in together
    frozen = ["npo_kl" if part == "ga" else part for part in given]
    assert list(gibibytes(unpact.well(*frozen).out))[0] == "the target's head and one unit of it"
    assert list(gibibytes(unpact.well(*given, "--train.shard", "none").out))[0] == "the target, whole"


def test_rmu_counts_the_weights_that_train(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """`all` is every weight below the steered states: not the blocks after them, the last norm and the head."""
    large = Path(shutil.copytree(target, tmp_path / "large"))
    config = json.loads((large / "config.json").read_text())
    config.update(hidden_size=2048, intermediate_size=8192, num_hidden_layers=8, head_dim=512)
    write_json(large / "config.json", config)
    given = ["unlearn", "--config", home / "configs/tiny.ini", "--model", large, "--output", tmp_path / "out", "--dry-run"]
    moments = [gibibytes(unpact(*given, "--method", method, *more).out)["optimizer's moments of the shard"] for method, *more in (
        ("rmu",), ("rmu", "--method.trained_layers", "all"), ("ga",))]  # it may not fit; the plan is printed first
    assert 0 < moments[0] < moments[1] < moments[2] / 2
    ended = unpact(*given, "--method", "rmu", "--method.layer", "8")
    assert ended.code == 1 and "method.layer" in ended.message()


def test_what_does_not_fit_is_refused(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    """The tiny target with the shape of a giant: the weights are never opened."""
    giant = Path(shutil.copytree(target, tmp_path / "giant"))
    config = json.loads((giant / "config.json").read_text())
    config.update(hidden_size=65536, intermediate_size=262144, num_hidden_layers=400, head_dim=16384)
    write_json(giant / "config.json", config)
    ended = unpact("unlearn", "--config", home / "configs/tiny.ini", "--model", giant, "--method", "ga", "--output", tmp_path / "out", "--dry-run")
    assert ended.code == 1, ended.out + ended.err
    message = ended.message()
    assert "does not fit" in message and "GiB are missing" in message and "more ranks" in message


def stages_of(plan: dict, method: str) -> dict[str, dict]:
    return {stage["stage"]: stage for stage in next(cell for cell in plan["pairs"][0]["cells"] if cell["method"] == method)["stages"]}


def work_of(file: Path) -> dict[str, float]:
    with h5py.File(file) as cell:
        return dict(zip(cell["work/stage"].asstr()[:], cell["work/operations"][:], strict=True))


@pytest.fixture(scope="module")
def bare(target: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target without its weights."""
    folder = Path(shutil.copytree(target, tmp_path_factory.mktemp("bare") / "model"))
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    return folder


def planned(unpact: Program, home: Path, *more: object) -> dict:
    return json.loads(unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--dry-run", "--json", *more).out)


GPU = ("--device", "cuda", "--plan.gpu", "a100-40", "--plan.gpus", "4", "--plan.gpus_per_node", "2")


def test_a_campaign_is_planned_without_gpu_and_without_weights(unpact: Program, home: Path, bare: Path, tmp_path: Path) -> None:
    given = ("--model", bare, "--output", tmp_path / "out", *GPU)
    before = sorted(home.rglob("*"))
    text = unpact.well("reproduce", "--config", home / "configs/tiny.ini", "--dry-run", *given).out
    for part in ("4 x a100-40, 2 a node, 40 GB each", "remark: no weights lie in", "best ranks_per_cell: 1", "once for all cells:", "target_attribution",
                 "rmu: 1 cell(s), 1 left; each:", "probe_focus_on_key", "reads ", "ask for (margin 30 %): 2 node(s) of 2 GPU(s)", "longest cell", "time limit"):
        assert part in text, f"{part!r} is not in\n{text}"
    plan = planned(unpact, home, *given)
    assert plan["pairs"][0]["train_dtype"] == "bf16", "what auto comes to on that GPU"
    assert planned(unpact, home, *given, "--model.dtype", "fp16")["pairs"][0]["score_operations_per_second"] == pytest.approx(0.33 * 312e12)
    assert plan["cells"] == {"finished": 0, "failed": 0, "left": 8}
    assert plan["pairs"][0]["best_ranks_per_cell"] == 1 and plan["request"]["nodes"] == 2
    assert plan["operations"] == pytest.approx(sum(stage["operations"] for pair in plan["pairs"]
                                                   for stages in [pair["shared"]["stages"], *(cell["stages"] for cell in pair["cells"])] for stage in stages))
    assert not (tmp_path / "out").exists() and sorted(home.rglob("*")) == before, "nothing is written"


def test_the_plan_is_right(unpact: Program, home: Path, campaign: Path, tmp_path: Path) -> None:
    """Against the counters of the same campaign: trainings and prompts exactly or nearly, what answers decide within its bounds."""
    plan = planned(unpact, home, "--output", campaign)
    assert plan["cells"] == {"finished": 8, "failed": 0, "left": 0} and plan["operations_left"] == 0
    again = planned(unpact, home, "--output", campaign, "--unlearn.epochs", "5")
    assert again["cells"]["left"] == 8 and again["pairs"][0]["shared"]["finished"]
    for cell in plan["pairs"][0]["cells"]:
        stages = {stage["stage"]: stage for stage in cell["stages"]}
        measured = work_of(campaign / f"cells/{cell['id']}.h5")
        assert measured.keys() == stages.keys()
        for name, operations in measured.items():
            low, high = stages[name]["operations_low"], stages[name]["operations_high"]
            assert 0.95 * low <= operations <= 1.05 * high, f"{cell['id']}, {name}: {operations} is not in [{low}, {high}]"
        assert stages["unlearn"]["operations_low"] == stages["unlearn"]["operations_high"]
        assert stages["unlearn"]["operations"] == pytest.approx(measured["unlearn"], rel=1e-9), "the examples that are drawn are known"
    measured = work_of(campaign / "baselines/tiny__tiny.h5")
    answers, contributions, *ceilings, metrics = plan["pairs"][0]["shared"]["stages"]
    for ceiling in ceilings:
        assert 0 < measured[ceiling["stage"]] <= 1.05 * ceiling["operations_high"], "the target is asked what it knows"
    assert [ceiling["stage"] for ceiling in ceilings] == [f"ceiling_{name}" for name in ("focus_on_key", "probab", "no_focus", "wrong_focus")]
    assert answers["operations"] == pytest.approx(measured["target_answers"], rel=0.05), "answers as long as the gold ones"
    assert contributions["operations_low"] == pytest.approx(measured["target_attribution"], rel=0.05), "they are the gold ones, attributed once"
    assert metrics["operations"] == pytest.approx(measured["target_metrics"], rel=1e-9), "what is scored is known"


def test_inspect_shows_planned_beside_measured(unpact: Program, campaign: Path) -> None:
    for path in (campaign / "campaign.h5", next((campaign / "cells").glob("*npo_kl*.h5")), campaign / "baselines/tiny__tiny.h5"):
        text = unpact.well("inspect", "results", path).out
        assert re.search(r"^stage \w+: .*operations.*GB\n  planned: .*operations.*GB$", text, re.MULTILINE), text
    moved = unpact.well("inspect", "results", next((campaign / "cells").glob("*npo_kl*.h5"))).out
    assert moved.count("\n  planned: ") == 11, "unlearning, resharding, answers, contributions, two probes, also on retain questions, two controls and metrics"


@pytest.mark.parametrize(("more", "said"), [
    (("--plan.gpus", "0"), ["plan.gpus"]),
    (("--plan.gpu", "h1000"), ["plan.gpu", "h1000", "h100"]),
    (("--plan.gpu_memory", "0.00001"), ["cannot hold one block"]),
    (("--plan.gpu_memory", "-1"), ["plan.gpu_memory"]),
    (("--plan.train_share", "1.5"), ["plan.train_share"]),
    (("--plan.gpu", "v100", "--train.dtype", "bf16"), ["train.dtype", "v100"]),
    (("--plan.gpu", "v100", "--model.dtype", "bf16"), ["model.dtype", "lacks"]),
    (("--plan.gpu", "none"), ["contradict"]),
    (("--campaign.ranks_per_cell", "3"), ["campaign.ranks_per_cell", "4 GPUs"]),
    (("--plan.gpu_memory", "0.0005"), ["do not fit into a GPU", "unlearn"]),
])
def test_what_no_machine_does_is_refused(unpact: Program, home: Path, bare: Path, tmp_path: Path, more: tuple[str, ...], said: list[str]) -> None:
    taken = {key: value for key, value in zip((*GPU, *more)[::2], (*GPU, *more)[1::2], strict=True)}
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--dry-run", "--model", bare, "--output", tmp_path / "out",
                   *(part for pair in taken.items() for part in pair))
    assert ended.code == 1, ended.out + ended.err
    assert all(part in ended.message() for part in said), ended.message()
    assert not (tmp_path / "out").exists()


def test_json_alone_runs_nothing(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", "--json")
    assert ended.code == 1 and "--dry-run" in ended.message() and not (tmp_path / "out").exists()


def test_several_pairs_are_planned_together(unpact: Program, home: Path, bare: Path, tmp_path: Path) -> None:
    """Another model of the campaign makes its own target, and its tokenizer."""
    (home / "configs/models").mkdir(exist_ok=True)
    (home / "configs/models/given.ini").write_text(f"[model]\nname = given\npath = {bare}\n")
    (home / "configs/models/made.ini").write_text("[model]\nname = made\npath =\nconfig = ../../llama\nvocabulary_size = 400\nmake_target = true\n")
    text = (home / "configs/tiny.ini").read_text()
    (home / "configs/pairs.ini").write_text(re.sub(r"\[model\]\n.*\n.*\n", "", text))
    plan = json.loads(unpact.well("reproduce", "--config", home / "configs/pairs.ini", "--dry-run", "--json", "--campaign.models", "given, made",
                                  "--campaign.methods", "ga, rmu", "--output", tmp_path / "out", *GPU).out)
    assert [pair["model"] for pair in plan["pairs"]] == ["given", "made"] and plan["cells"]["left"] == 4
    assert [stage["stage"] for stage in plan["pairs"][1]["shared"]["stages"]][:3] == ["make_target", "target_answers", "target_attribution"]
    assert any("thrown away" in remark for remark in plan["pairs"][1]["remarks"])
