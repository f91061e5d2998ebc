"""Writes cell and campaign files as docs/results-format.md describes them, with invented but consistent content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
from synthetic_content import Recipe, content
from synthetic_writer import Writer, as_bytes

from unpact_results import statistics as st
from unpact_results.metrics import auc
from unpact_results.recompute import ORIGINS_MARK

__all__ = ["Recipe", "Writer", "write_cell"]


def write_cell(path: Path, recipe: Recipe | None = None) -> Path:
    """Write a cell file."""
    recipe = recipe or Recipe()
    data = content(recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        _root(file, recipe)
        out = Writer(file)
        out.scale("/question", len(data["split"]))
        out.scale("/question_bound", len(data["split"]) + 1)
        _asked(out, data)
        keys = {}
        for m, name in enumerate(("target", "unlearned")):
            out.put(f"/{name}/answer", data["answers"][m], ["/question"])
            out.put(f"/{name}/score", data["right"][m].astype(float), ["/question"])
            out.put(f"/{name}/is_right", data["right"][m].astype(np.uint8), ["/question"], flags="right")
            for answer in ("gold", "own"):
                keys[m, answer] = _contribution(out, f"/{name}/{answer}", data["matrices"][m, answer], recipe.attribution)
        out.put("/outcome/class", data["outcome"], ["/question"], flags="class")
        pairs = list(zip(keys[0, recipe.focus_answer], keys[1, recipe.focus_answer]))
        out.put("/focus_shift/set_cosine", np.array([st.set_cosine(a[1], b[1]) for a, b in pairs]), ["/question"])
        out.put("/focus_shift/contribution_cosine", np.array([st.contribution_cosine(a[0], b[0], a[1] | b[1]) for a, b in pairs]), ["/question"])
        file.create_group("probes")
        rates = _probes(out, data) + _shares(data) + _knowledge(out, data)
        _judges(out, data)
        rates += _arms(out, data)
        _weights(out)
        _points(out, data)
        if data["recipe"].checked:
            judges = ["", *(["by_exact_match_"] if data["recipe"].second_judge else [])]
            rates += [(f"{judge}{name}", *counts) for judge in judges for name, counts in (("false_accept", (20, 200)), ("false_reject", (30, 40)))]
        _rate_table(out, rates)
        _training(out, recipe)
        _metrics(out, data)
    return path


def _metrics(out: Writer, data: dict) -> None:
    """Extraction strength as a mean of items, Min-K % with its area under the curve, and a value without items."""
    rng = np.random.default_rng(data["recipe"].seed)
    forget = [rng.random(int((data["split"] == 0).sum())) for _ in range(2)]
    texts = [[rng.normal(3 + which, 1, 6) for which in range(2)] for _ in range(2)]
    rows = [("extraction_strength_forget", "extraction strength", "remembered", forget), ("min_k_forget", "Min-K %", "forgotten", [part[0] for part in texts]),
            ("min_k_holdout", "Min-K %", "forgotten", [part[1] for part in texts]), ("min_k_auc", "AUC of Min-K %", "remembered", None)]
    out.scale("/metrics/name", as_bytes([row[0] for row in rows]))
    axis = ["/metrics/name"]
    out.put("/metrics/label", [row[1] for row in rows], axis)
    out.put("/metrics/larger_says", [row[2] for row in rows], axis)
    out.put("/metrics/count", np.array([12 if items is None else len(items[0]) for *_, items in rows], np.uint64), axis)
    out.scale("/metrics/bound", len(rows) + 1)
    for m, model in enumerate(("target", "unlearned")):
        lists = [np.zeros(0) if items is None else items[m] for *_, items in rows]
        values = np.array([auc(texts[m][0], texts[m][1]) if items is None else items[m].mean() for *_, items in rows])
        half = np.array([np.nan if items is None else st.Z95 * items[m].std(ddof=1) / np.sqrt(len(items[m])) for *_, items in rows])
        for name, column in {model: values, f"{model}_low": values - half, f"{model}_high": values + half}.items():
            out.put(f"/metrics/{name}", column, axis)
        out.scale(f"/metrics/{model}_items_item", sum(map(len, lists)))
        out.put(f"/metrics/{model}_items/values", np.concatenate(lists), [f"/metrics/{model}_items_item"])
        out.put(f"/metrics/{model}_items/offsets", np.cumsum([0, *map(len, lists)]).astype(np.uint64), ["/metrics/bound"])


def _root(file, recipe: Recipe) -> None:
    config = f"[run]\nseed = {recipe.seed}\n\n[method]\nname = {recipe.method}\n\n[note]\ntext = <img src=x onerror=alert(1)>\n"
    whole = config + ORIGINS_MARK + "\n[model]\nname = " + recipe.model + "\n"
    checksums = [hashlib.sha256(x.encode()).hexdigest() for x in (recipe.model, "tokenizer")]
    text = {"schema_name": "unpact-cell", "schema_version": "1.11.0", "software": "unpact", "software_version": "0.1.0", "git_commit": "0123abcd", "build_type": "Release",
            "compiler": "GNU 12.2.0", "hdf5_version": "1.10.8", "config_resolved": whole,
            "fingerprint": hashlib.sha256(json.dumps([config, *checksums], separators=(",", ":")).encode()).hexdigest(), "devices": json.dumps(["cpu", "cpu"]),
            "library_versions": json.dumps({"torch": "2.11.0", "mpi": "4.1.4"}), "processes": json.dumps(["host n1, job 7", "host n2, job 7"]),
            "environment": json.dumps({"SLURM_JOB_ID": "7"}), "started": "2026-01-31T12:00:00Z", "ended": "2026-01-31T12:40:00Z",
            "model_checksum": checksums[0], "tokenizer_checksum": checksums[1], "cell_id": recipe.id, "model": recipe.model, "dataset": recipe.dataset,
            "baseline_fingerprint": hashlib.sha256(f"{recipe.model}{recipe.dataset}{recipe.seed}".encode()).hexdigest(),
            "method": recipe.method, "judge": "rouge_l_recall >= 0.5", "halves": "12 questions train, 12 are held out: by hash of the question" if recipe.held_out else "no halves: dataset.held_out is 0", "compute_dtype": "fp32", "attribution_method": recipe.attribution,
            "attribution_settings": json.dumps({"engine": "shared_prefix", "verified_target": "2 question(s)"} if recipe.attribution == "leave_one_out" else
                                               {"inexact": "some carry a share", "keep_words": "4"} if recipe.attribution == "hierarchical" else {})}
    for name, value in text.items():
        file.attrs[name] = value
    for name, value in {"seed": recipe.seed, "world_size": 2, "group_size": 2, "skipped_questions": 0}.items():
        file.attrs[name] = np.int64(value)
    for name, value in {"alpha": 0.22, "beta": 0.24, "noise_floor": 2e-4}.items():
        file.attrs[name] = np.float64(value)


def halves_of(data: dict) -> np.ndarray:
    """Every other retain question is held out."""
    order = np.arange(len(data["split"]))
    return np.where((data["split"] == 1) & data["recipe"].held_out, 1 + order % 2, 0).astype(np.uint8)


def _asked(out: Writer, data: dict) -> None:
    out.put("/questions/split", data["split"], ["/question"], flags="split")
    out.put("/questions/half", halves_of(data), ["/question"], flags="half")
    out.put("/questions/text", [q for q, _ in data["bank"]], ["/question"])
    out.put("/questions/gold_answer", [a for _, a in data["bank"]], ["/question"])
    out.put("/prompts/text", ["".join(row) for row in data["pieces"]], ["/question"])
    ids = [[sum(piece.encode()) % 32000 for piece in row] for row in data["pieces"]]
    out.csr("/prompts/token_ids", ids, np.int32, "/prompts/token")
    out.csr("/prompts/is_candidate", data["candidate"], np.uint8, "/prompts/token", flags="bool")
    out.put("/prompts/pieces", [piece for row in data["pieces"] for piece in row], ["/prompts/token"])


def _contribution(out: Writer, path: str, matrices, method: str) -> list:
    """For another method than leave-one-out: the same values, scaled, with what the method has and no matrix."""
    values = [st.contributions(m).astype(np.float32) for m in matrices]
    if method != "leave_one_out":
        rng = np.random.default_rng(len(method))
        values = [(0.8 * v + rng.normal(0, 0.05, len(v))).astype(np.float32) for v in values]
    keys = [st.key_tokens(v, 0.22, 0.24) for v in values]
    out.csr(f"{path}/answer_ids", [np.arange(m.shape[1]) for m in matrices], np.int32, f"{path}/answer_token")
    unit = "1" if method == "rollout" else "nat/token"
    errors = [np.full(len(v), 0.05) if method == "shapley" else np.where(np.arange(len(v)) % 3, np.nan, 0) if method == "hierarchical" else [] for v in values]
    out.csr(f"{path}/log_probabilities", matrices if method == "leave_one_out" else [[] for _ in matrices], np.float32, f"{path}/entry", "nat")
    ends = [np.full(len(m), -0.5, np.float32) if method == "leave_one_out" and m.shape[1] else [] for m in matrices]
    out.csr(f"{path}/end_log_probabilities", ends, np.float32, f"{path}/end_entry", "nat")
    out.csr(f"{path}/contributions", values, np.float32, f"{path}/candidate", unit)
    out.csr(f"{path}/standard_errors", errors, np.float32, f"{path}/estimate", unit)
    doubts = [st.uncertain_key_tokens(v, e, 0.22, 0.24, 0.0 if method == "rollout" else 2e-4)[0] for v, e in zip(values, errors)]
    out.csr(f"{path}/key_token_uncertain", doubts, np.uint8, f"{path}/candidate", flags="bool")
    out.put(f"{path}/mean_log_probability", np.array([m[0].mean(dtype=float) for m in matrices]), ["/question"], "nat/token")
    out.put(f"{path}/completeness_error", np.full(len(matrices), 0.01 if method == "integrated_gradients" else np.nan), ["/question"], "nat/token")
    out.put(f"{path}/surrogate_r2", np.full(len(matrices), 0.8 if method == "lime" else np.nan), ["/question"])
    out.csr(f"{path}/is_key_token", keys, np.uint8, f"{path}/candidate", flags="bool")
    return list(zip(values, keys))


def _probes(out: Writer, data: dict) -> list:
    recipe, rng = data["recipe"], data["rng"]
    probed = np.flatnonzero(data["outcome"] == 2).astype(np.uint64)
    rates = []
    usual = (("focus_on_key", "FocusOnKey", "probe"), ("probab", "Probab", "baseline"))
    for (name, label, kind), chance in zip((*usual, *recipe.more_probes), (recipe.recovered, recipe.sampled, *[0.5] * len(recipe.more_probes))):
        labels = [f"phrase {i}: Focus on {{keys}} to answer" if name == "focus_on_key" else f"sample {i}" for i in range(recipe.attempts)]
        right = np.zeros((len(probed), recipe.attempts), np.uint8)
        right[:, -1] = rng.random(len(probed)) < chance
        asked = np.ones(len(probed), np.uint8)
        if name == "focus_on_key":
            asked[: data["recipe"].unasked] = 0
            right[asked == 0] = 0
        group = f"/probes/{name}"
        out.scale(f"{group}/probed_question", probed)
        out.scale(f"{group}/attempt", as_bytes(labels))
        answers = [[data["bank"][q][1] if ok else "No idea <u>at all" for ok in row] for q, row in zip(probed, right)]
        axes = [f"{group}/probed_question", f"{group}/attempt"]
        out.put(f"{group}/answer", as_bytes(answers) if answers else np.zeros((0, recipe.attempts), "S1"), axes)
        out.put(f"{group}/score", right.astype(float), axes)
        out.put(f"{group}/is_right", right, axes, flags="right")
        out.put(f"{group}/asked", asked, axes[:1], flags="asked")
        out.put(f"{group}/trained", np.zeros(recipe.attempts, np.uint8), axes[1:], flags="right")
        told = np.zeros(right.shape, np.uint8)
        told[: data["recipe"].told, -1] = 1
        _put(out, group, axes, data, probed, told, right)
        counted = right & (1 - told)
        alone = (told.all(axis=1) & (told.shape[1] > 0)) if told.size else np.zeros(len(probed), bool)
        out.file[group].attrs["label"], out.file[group].attrs["kind"] = label, kind
        rates.append((f"recovery_{name}", int(counted.any(axis=1).sum()), int((asked.astype(bool) & ~alone).sum())))
        data.setdefault("by_probe", {})[name] = (probed, asked.astype(bool) & ~alone, counted.any(axis=1))
        if kind != "control":
            data.setdefault("won_back", set()).update(probed[counted.any(axis=1)].tolist())
    return rates


def _put(out: Writer, group: str, axes: list[str], data: dict, probed, told, right) -> None:
    questions = [[data["bank"][q][0]] * right.shape[1] for q in probed]
    out.put(f"{group}/put", as_bytes(questions) if questions else np.zeros(right.shape, "S1"), axes)
    out.put(f"{group}/has_gold", told, axes, flags="bool")
    out.put(f"{group}/gold_share", told.astype(float), axes)
    out.put(f"{group}/new_words", np.zeros(right.shape, np.int32), axes)
    out.put(f"{group}/tokens", np.full(right.shape, 20, np.int32), axes)
    out.put(f"{group}/gold", np.zeros(right.shape, "S1"), axes)
    out.put(f"{group}/echo_right", np.zeros(right.shape, np.uint8), axes, flags="bool")
    out.file[group].create_group("judges")
    if data["recipe"].second_judge:
        out.put(f"{group}/judges/exact_match/score", right.astype(float), axes)
        out.put(f"{group}/judges/exact_match/is_right", right, axes, flags="right")


def _judges(out: Writer, data: dict) -> None:
    recipe = data["recipe"]
    out.file.create_group("judges")
    if recipe.second_judge:
        for m, name in enumerate(("target", "unlearned")):
            out.put(f"/judges/exact_match/{name}_score", data["right"][m].astype(float), ["/question"])
            out.put(f"/judges/exact_match/{name}_is_right", data["right"][m].astype(np.uint8), ["/question"], flags="right")
        out.file["judges/exact_match"].attrs["description"] = "exact_match"
    names = ["rouge_l_recall"] + ["exact_match"] * recipe.second_judge if recipe.checked else []
    out.scale("/judge_check/judge", as_bytes(names) if names else np.zeros(0, "S1"))
    for column, count in (("right", 40), ("rejected", 30), ("wrong", 200), ("accepted", 20)):
        out.put(f"/judge_check/{column}", np.array([count] * len(names), np.uint64), ["/judge_check/judge"])
    out.put("/judge_check/threshold", np.array([0.5] * len(names)), ["/judge_check/judge"])
    out.put("/judge_check/calibrated_on", np.zeros(len(names), np.uint64), ["/judge_check/judge"])


def _weights(out: Writer) -> None:
    """Two points of a curve and the depth of one question in two blocks."""
    out.scale("/curves/probe", as_bytes(["relearn", "relearn"]))
    out.put("/curves/arm", as_bytes(["unlearned", "floor"]), ["/curves/probe"])
    for name, values, unit in (("step", np.array([5, 5]), "1"), ("right", np.array([2, 1], np.uint64), "1"), ("asked", np.array([4, 4], np.uint64), "1"),
                               ("loss", np.array([1.5, 2.5]), "nat/token")):
        out.put(f"/curves/{name}", values, ["/curves/probe"], unit=unit)
    out.scale("/depth/probed_question", np.zeros(1, np.uint64))
    out.scale("/depth/block", np.arange(2, dtype=np.uint64))
    out.put("/depth/log_probability", np.array([-0.5]), ["/depth/probed_question"], unit="nat/token")
    for source, drop in (("floor", 2.0), ("unlearned", 1.0)):
        for part in ("answer", "key_tokens", "others"):
            out.put(f"/depth/{source}/{part}", np.full((1, 2), drop), ["/depth/probed_question", "/depth/block"], unit="nat/token")


def _points(out: Writer, data: dict) -> None:
    """Two points: behind the first every other question is as the target has it, behind the last as the cell has it. Nothing is mixed."""
    right = [part.astype(bool) for part in data["right"]]
    seen = np.array([np.where(np.arange(len(right[0])) % 2, right[0], right[1]), right[1]])
    rng, halves = np.random.default_rng(data["recipe"].seed), halves_of(data)
    gold, strength = -rng.random(seen.shape), rng.random(seen.shape)
    forget, trained, held_out = data["split"] == 0, halves == 1, halves == 2
    out.scale("/trajectory/step", np.array([10, 20]))
    axis, points = ["/trajectory/step"], range(2)
    out.put("/trajectory/epoch", np.array([0.5, 1.0]), axis)
    parts = {"forget": forget, "retain_trained": trained, "retain_held_out": held_out}
    counts = {f"{name}_right": [(seen[p] & part).sum() for p in points] for name, part in parts.items()}
    counts |= {f"{name}_asked": [part.sum()] * 2 for name, part in parts.items()}
    counts |= {"forget_known": [(forget & right[0]).sum()] * 2, "forgotten": [(forget & right[0] & ~seen[p]).sum() for p in points]}
    counts |= {"held_out_known": [(held_out & right[0]).sum()] * 2, "destroyed_held_out": [(held_out & right[0] & ~seen[p]).sum() for p in points]}
    for name, values in counts.items():
        out.put(f"/trajectory/{name}", np.array(values, np.uint64), axis)
    out.put("/trajectory/extraction_strength_forget", strength[:, forget].mean(axis=1), axis)
    for name, part in (("forget", forget), ("retain", ~forget)):
        out.put(f"/trajectory/gold_log_probability_{name}", gold[:, part].mean(axis=1), axis, unit="nat/token")
    out.put("/trajectory/seconds", np.array([1.5, 2.5]), axis, unit="s")
    both = ["/trajectory/step", "/question"]
    out.put("/trajectory/is_right", seen.astype(np.uint8), both, flags="right")
    out.put("/trajectory/gold_log_probability", gold, both, unit="nat/token")
    out.put("/trajectory/extraction_strength", strength, both)
    out.put("/trajectory/role", np.zeros(len(forget), np.uint8), ["/question"], flags="role")
    out.file["trajectory"].attrs.update({"rule": "last", "why": "the end of the training", "selected_step": "20"})
    out.scale("/mix/share", np.zeros(0))
    for name in ("retain_right", "retain_asked", "forget_right", "forget_asked"):
        out.put(f"/mix/{name}", np.zeros(0, np.uint64), ["/mix/share"])
    out.file["mix"].attrs.update({"chosen_share": "0.0", "keep": "0.0", "target_right": "0"})


def _arms(out: Writer, data: dict) -> list:
    arms = out.file.create_group("arms")
    rates = []
    for name, prefix, share in (("target", "ceiling", 0.9), ("floor", "floor", data["recipe"].floor)):
        if share is None:
            continue
        right = data["right"][0] if name == "target" else data["rng"].random(len(data["split"])) < share
        out.put(f"/arms/{name}/is_right", right.astype(np.uint8), ["/question"], flags="right")
        for probe, (probed, asked, _) in data["by_probe"].items():
            state = np.where(data["right"][0], 1 + (data["rng"].random(len(right)) < share), 0).astype(np.uint8)
            out.put(f"/arms/{name}/probes/{probe}", state, ["/question"], flags="arm")
            chosen = probed[asked]
            rates.append((f"{prefix}_{probe}", int((state[chosen] == 2).sum()), int((state[chosen] > 0).sum())))
            kept = state[data["split"] == 1]
            rates.append((f"{prefix}_retain_{probe}", int((kept == 2).sum()), int((kept > 0).sum())))
        arms[name].attrs["model"] = "a model"
    return rates


def _knowledge(out: Writer, data: dict) -> list:
    back = np.isin(np.arange(len(data["split"])), list(data["won_back"]))
    state = np.select([data["split"] == 1, data["outcome"] == 0, data["outcome"] == 1, back], [0, 1, 2, 3], 4).astype(np.uint8)
    out.put("/knowledge/state", state, ["/question"], flags="knowledge")
    kinds = (("focus_on_key", "probe"), ("probab", "baseline"), *((name, kind) for name, _, kind in data["recipe"].more_probes))
    out.file["knowledge"].attrs["probes"] = json.dumps([name for name, kind in kinds if kind != "control"])
    out.file["knowledge"].attrs["attempts"] = str(data["recipe"].attempts)
    right, won, gone = (int((state == word).sum()) for word in (2, 3, 4))
    rows = [("still_right", right), ("won_back", won), ("gone", gone), ("knowledge_left", right + won)]
    rates = [(name, count, right + won + gone) for name, count in rows]
    for number, half in ((1, "trained"), (2, "held_out")):
        classes = np.bincount(data["outcome"][halves_of(data) == number], minlength=5)
        rates += [(f"destructive_{half}", int(classes[4]), int(classes[3] + classes[4]))] if data["recipe"].held_out else []
    return rates


def _shares(data: dict) -> list:
    classes = np.bincount(data["outcome"], minlength=5)
    rows = [("destructive", int(classes[4]), int(classes[3] + classes[4]))]
    for m, model in enumerate(("target", "unlearned")):
        for part, split in enumerate(("forget", "retain")):
            mask = data["split"] == part
            rows.append((f"{model}_right_{split}", int(data["right"][m][mask].sum()), int(mask.sum())))
    return rows


def _rate_table(out: Writer, rows: list) -> None:
    out.scale("/rates/name", as_bytes([row[0] for row in rows]))
    rates = [st.rate(count, total) for _, count, total in rows]
    for column, kind in {"count": np.uint64, "total": np.uint64, "value": float, "low": float, "high": float}.items():
        out.put(f"/rates/{column}", np.array([getattr(r, column) for r in rates]).astype(kind), ["/rates/name"])


def _training(out: Writer, recipe: Recipe) -> None:
    steps = np.arange(1, recipe.steps + 1)
    out.scale("/training/step", steps.astype(np.int64))
    rng = np.random.default_rng(recipe.seed)
    forget = -2.5 * np.log1p(steps / 6) + rng.normal(0, 0.1, len(steps))
    retain = 1.8 - 0.6 * np.exp(-steps / 9) + rng.normal(0, 0.05, len(steps)) if "_" in recipe.method else np.zeros(len(steps))
    columns = {"loss": forget + retain, "forget_loss": forget, "retain_loss": retain, "gradient_norm": np.abs(forget), "learning_rate": 1e-5 * steps / len(steps)}
    columns |= {name: np.full(len(steps), np.nan) for name in ("forget_norm", "retain_norm")}
    for name, values in columns.items():
        out.put(f"/training/{name}", np.asarray(values, float), ["/training/step"])
    out.put("/training/tokens", np.full(len(steps), 4096, np.int64), ["/training/step"])
    out.scale("/work/stage", as_bytes(["target answers", "target contributions", "unlearn", "unlearned answers", "unlearned contributions", "probes"]))
    out.put("/work/seconds", np.array([30.0, 310.5, 1260.0, 33.0, 305.25, 140.0]), ["/work/stage"], "s")
    for name, scale in {"positions": 1, "positions_naive": 2, "model_calls": 0.01, "logit_rows": 0.2}.items():
        out.put(f"/work/{name}", (np.array([4e4, 2.1e6, 0, 4e4, 2.1e6, 6e4]) * scale).astype(np.uint64), ["/work/stage"])
    out.put("/work/peak_memory", np.array([np.nan, 3e8, 5e9, 3e8, 3e8, 2e8]), ["/work/stage"], "byte")
    out.put("/work/operations", np.array([np.nan, 3e15, 8e16, 1e14, 3e15, 2e14]), ["/work/stage"])
    verified = recipe.attribution == "leave_one_out"
    out.scale("/verification/model", as_bytes(["target"]) if verified else [])
    for name, value, kind in (("questions", 2, np.uint64), ("largest_difference", 3e-6, float), ("worst_question", 1, np.uint64), ("candidates", 9, np.uint64), ("turned", 1, np.uint64)):
        out.put(f"/verification/{name}", np.array([value] * verified).astype(kind), ["/verification/model"], "nat/token" if kind is float else "1")
