"""Strengths as cells, points on the way, the chosen point, mixing with the target: files read and computed again without the program."""
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from unpact_program import Ended, Program, cells_of

HELD_OUT = 2
CELL = "tiny__tiny__ga_gd-retain_weight-{}__seed3"


@pytest.fixture(scope="module")
def swept(reproduce: Callable[..., Ended], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two strengths, on two ranks that ask each model in pieces."""
    folder = tmp_path_factory.mktemp("swept")
    reproduce(folder, "--campaign.methods", "ga_gd", "--campaign.sweep", "method.retain_weight = 0.5, 4", "--unlearn.save_points", "1, 2e", "--unlearn.keep_points", "true",
              "--unlearn.select", "best_at_utility", "--unlearn.mix", "calibrate", "--campaign.save_models", "true", "--probe.use", "focus_on_key, probab",
              "--unlearn.phrased", "2", "--attribution.beta", "0.02",
              "--model.replica", "sharded", ranks=2)
    return folder


def test_a_cell_is_there_for_each_strength(swept: Path, results_tool: Callable) -> None:
    checked = results_tool("validate", swept)
    assert checked.returncode == 0, checked.stdout
    assert list(cells_of(swept)) == [CELL.format(0.5) + ".h5", CELL.format(4) + ".h5"]
    shown = results_tool("trajectories", swept)
    assert shown.returncode == 0 and shown.stdout.count("| ga_gd-retain_weight-4 |") >= 3, shown.stderr


@pytest.mark.parametrize("strength", [0.5, 4])
def test_points_are_what_their_answers_say(swept: Path, strength: float) -> None:
    with h5py.File(cells_of(swept)[CELL.format(strength) + ".h5"]) as file:
        points, split, half, known = file["trajectory"], file["questions/split"][:], file["questions/half"][:], file["target/is_right"][:] == 1
        right, role = points["is_right"][:] == 1, points["role"][:]
        assert points["step"][:].tolist() == sorted(set(points["step"][:].tolist())) and points["step"][-1] == file["training/step"][-1]
        held_out = half == HELD_OUT
        for name, values in {"forget_right": right[:, split == 0].sum(1), "forgotten": (known & ~right)[:, split == 0].sum(1), "retain_held_out_right": right[:, held_out].sum(1),
                             "destroyed_held_out": (known & ~right)[:, held_out].sum(1), "retain_trained_right": right[:, half == 1].sum(1)}.items():
            assert points[name][:].tolist() == values.tolist(), name
        np.testing.assert_allclose(points["gold_log_probability_forget"][:], points["gold_log_probability"][:][:, split == 0].mean(1), rtol=1e-12)
        assert set(role[split == 0]) == {1, 2} and set(role[held_out]) <= {1, 2} and not role[half == 1].any()
        choose = role == 1
        kept, left = (right & choose)[:, held_out].sum(1), (right & choose)[:, split == 0].sum(1)
        enough = 0.95 * (known & choose & held_out).sum()
        good = [i for i in range(len(right)) if kept[i] >= enough]
        expected = min(good, key=lambda i: (left[i], i)) if good else int(np.argmax(kept))
        assert int(points.attrs["selected_step"]) == points["step"][expected]
        mix = file["mix"]
        tried = list(zip(mix["share"][:].tolist(), mix["retain_right"][:].tolist(), strict=True))
        chosen, target_right = float(mix.attrs["chosen_share"]), int(mix.attrs["target_right"])
        assert target_right == (known & choose & held_out).sum() and tried[0] == (0.0, kept[expected])
        assert chosen in {0.0, 1.0, *(share for share, count in tried if count >= 0.95 * target_right)} and (chosen == 0) == (len(tried) == 1)


@pytest.mark.parametrize("strength", [0.5, 4])
def test_rates_of_the_half_that_chose_nothing_and_of_phrasings_held_out(swept: Path, strength: float) -> None:
    with h5py.File(cells_of(swept)[CELL.format(strength) + ".h5"]) as file:
        rates = {name: (int(count), int(total)) for name, count, total in
                 zip(file["rates/name"].asstr()[:], file["rates/count"][:], file["rates/total"][:], strict=True)}
        split, half, role, outcome = (file[name][:] for name in ("questions/split", "questions/half", "trajectory/role", "outcome/class"))
        state, probe = file["knowledge/state"][:], {name: file[f"probes/focus_on_key/{name}"][:] for name in file["probes/focus_on_key"] if name != "judges"}
        assert probe["trained"].tolist() == [0, 0, 1, 1, 0] and not file["probes/probab/trained"][:].any()
    for prefix, counted in (("", role >= 0), ("reported_", role != 1)):
        def share(hits: np.ndarray, among: np.ndarray, counted: np.ndarray = counted) -> tuple[int, int]:
            return int((hits & among & counted).sum()), int((among & counted).sum())

        assert rates[f"{prefix}knowledge_left"] == share(np.isin(state, (2, 3)), np.isin(state, (2, 3, 4)))
        assert rates[f"{prefix}destructive_held_out"] == share(outcome == 4, np.isin(outcome, (3, 4)) & (half == HELD_OUT))
        for name, seen in (("recovery_focus_on_key", [0, 1, 2, 3, 4]), ("held_out_focus_on_key", [0, 1, 4])):
            counts = probe["has_gold"][:, seen] == 0
            asked, back = np.zeros(len(role), bool), np.zeros(len(role), bool)
            asked[probe["probed_question"]] = (probe["asked"] != 0) & counts.any(axis=1)
            back[probe["probed_question"]] = (counts & (probe["is_right"][:, seen] == 1)).any(axis=1)
            assert rates[prefix + name] == share(back, asked & (outcome == 2))
    assert rates["target_right_forget"][1] == 2 * rates["reported_target_right_forget"][1] == (split == 0).sum()


def test_tables_count_that_half_and_say_so(swept: Path, unpact: Program, results_tool: Callable) -> None:
    shown = unpact.well("inspect", "results", swept).out
    assert shown == results_tool("table", swept).stdout and shown.count(" 1* ") == 2 and "all numbers are of the others" in shown
    collected = unpact.well("inspect", "results", swept / "campaign.h5").out
    assert collected.count("of the half)") >= 2 and "chosen on the other half" in collected


@pytest.mark.parametrize("strength", [0.5, 4])
def test_the_model_is_torchs_lerp_of_its_point_and_the_target(swept: Path, target: Path, strength: float) -> None:
    name = CELL.format(strength)
    with h5py.File(cells_of(swept)[name + ".h5"]) as file:
        step, share = int(file["trajectory"].attrs["selected_step"]), float(file["mix"].attrs["chosen_share"])
    made, point, base = (load_file(folder / "model.safetensors") for folder in (swept / "models" / name, swept / "models" / f"{name}.step{step}", target))
    for key, weight in made.items():
        torch.testing.assert_close(weight, torch.lerp(point[key], base[key], share), rtol=0, atol=1e-7)  # the same operation: the last bit at most


def test_a_strength_that_diverges_keeps_the_others(unpact: Program, home: Path, target: Path, tmp_path: Path, results_tool: Callable) -> None:
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path, "--campaign.methods", "ga_gd", "--campaign.sweep",
                   "unlearn.learning_rate = 1e30, 1e-3", "--probe.use", "probab", "--probe.arms", "false")
    failed, = tmp_path.glob("cells/*.failed.json")
    assert ended.code == 2 and list(cells_of(tmp_path)) == ["tiny__tiny__ga_gd-learning_rate-1e-3__seed3.h5"], ended.out + ended.err
    assert failed.name == "tiny__tiny__ga_gd-learning_rate-1e30__seed3.failed.json" and "1 cell(s) finished, 0 missing, 0 broken, 1 failed" in ended.out + ended.err
    assert results_tool("trajectories", tmp_path).stdout.count("| ga_gd-learning_rate-1e-3 |") == 1


@pytest.mark.parametrize(("arguments", "said"), [
    (("--unlearn.save_points", "2, 999"), ("unlearn.save_points", "'999'", "steps")),
    (("--unlearn.save_points", "2", "--unlearn.select", "best_at_utility", "--dataset.held_out", "0"), ("no retain question is held out", "dataset.held_out")),
    (("--method.weighting", "spans"), ("forget_qa.json, entry 1", "method.weighting = spans")),
    (("--method.weighting", "given", "--method.weights_path", "WEIGHTS"), ("weights.jsonl", "1 lines", "6 examples")),
])
def test_what_cannot_be_is_refused_before_the_target_is_read(unpact: Program, home: Path, target: Path, tmp_path: Path, arguments: tuple[str, ...],
                                                             said: tuple[str, ...]) -> None:
    (tmp_path / "weights.jsonl").write_text("[1]\n")
    given = [str(tmp_path / "weights.jsonl") if word == "WEIGHTS" else word for word in arguments]
    ended = unpact("reproduce", "--config", home / "configs/tiny.ini", "--output", tmp_path / "out", "--campaign.methods", "ga_gd", *given)
    assert ended.code == 1 and all(word in ended.message() for word in ("ga_gd", *said)), ended.err
    assert not (tmp_path / "out" / "baselines").exists()
