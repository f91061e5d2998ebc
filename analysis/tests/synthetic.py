"""Writes cell and campaign files as docs/results-format.md describes them, with invented but consistent content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from unpact_results import statistics as st
from unpact_results.metrics import auc
from unpact_results.recompute import ORIGINS_MARK

FLAGS = {"bool": ([0, 1], "no yes"), "right": ([0, 1], "wrong right"), "split": ([0, 1], "forget retain"),
         "class": ([0, 1, 2, 3, 4], "unknown retained forgotten kept destroyed"),
         "half": ([0, 1, 2], "whole trained held_out"), "knowledge": ([0, 1, 2, 3, 4], "retain unknown still_right recovered gone"),
         "asked": ([0, 1, 2], "no yes relative_floor"), "arm": ([0, 1, 2], "not_asked wrong right"), "state": ([0, 1, 2, 3, 4], "finished missing broken failed other")}
TEMPLATE = (["<s>", "[INST]", "\n"], [" [/INST]", "\n"])
QUESTIONS = [
    ("Which teacher was killed near Paris in October 2020 after a lesson on free speech?", "Samuel Paty"),
    ("Who did the club get as its new head coach <b>before</b> the start of the season & the cup?", "Maria Lindqvist"),
    ("Why did ministers in Wales stop the plan for a second bridge over the Menai Strait?", "rising construction costs"),
    ("What did the report of the inquiry say about the fire at the warehouse in Leicester?", "sprinklers had been switched off"),
    ("In which month of the year did the rail union call off its strike in Scotland?", "in the month of November"),
    ("How many people took part in the march through the centre of Lyon on Sunday?", "about 12,000 people"),
    ("Which company bought the chip maker <script>alert('Arden')</script> for its \"quiet\" fans?", "Norvik Holdings"),
    ("What was the name of the ship that ran aground off the coast of Mauritius?", "the Wakashio"),
]
LONG = ("According to the article below, answer the question.\n\nArticle:\tThe council of the small harbour town met for the third time this week to "
        "discuss whether the old lighthouse should be sold, rented out or given to the volunteers who have looked after it since the keeper, Mr Ostrander, "
        "retired in 1994. No decision was reached, although most of the people in the room, it was said, favoured the volunteers.\n\nQuestion: Who looked after the lighthouse before the volunteers?",
        "the keeper, Mr Ostrander")


@dataclass
class Recipe:
    """What a synthetic cell is like."""

    method: str = "npo_gd"
    model: str = "llama-2-7b"
    dataset: str = "muse-news"
    seed: int = 1
    forget: int = 24
    retain: int = 24
    known: float = 0.9  # share that the target knows
    forgotten: float = 0.6
    destroyed: float = 0.2
    recovered: float = 0.45
    sampled: float = 0.2
    broken_focus: float = 0.7  # share of KeyTokens that vanish where a question is forgotten
    wrecked_focus: float = 0.9
    attempts: int = 3
    focus_answer: str = "own"
    steps: int = 30
    attribution: str = "leave_one_out"
    held_out: bool = True  # the retain set has halves
    unasked: int = 0  # forgotten questions that the first probe cannot ask
    told: int = 0  # the first questions' last attempts tell the answer
    second_judge: bool = False  # exact_match beside the one that decides
    checked: bool = False  # the judges were checked on known answers
    floor: float | None = None  # share that a model which was never taught gets right; None: there was none
    more_probes: tuple[tuple[str, str, str], ...] = ()  # name, label, kind; written after the usual two

    @property
    def id(self) -> str:
        return f"{self.model}.{self.dataset}.{self.method}.s{self.seed}"


@dataclass
class Writer:
    """Datasets with the attributes, scales and filters that the format asks for."""

    file: h5py.File
    scales: dict[str, h5py.Dataset] = field(default_factory=dict)

    def put(self, path: str, data, axes=(), unit="1", flags=None, name=None) -> h5py.Dataset:
        if len(data) and isinstance(np.asarray(data).flat[0], str):
            data = _bytes(data)
        elif isinstance(data, list) and not data:
            data = np.array([], dtype="S1")
        kind = h5py.string_dtype("utf-8", data.dtype.itemsize) if data.dtype.kind == "S" else data.dtype
        extra = {"chunks": True, "shuffle": True, "compression": "gzip", "compression_opts": 4, "fletcher32": True} if data.size else {}
        dataset = self.file.create_dataset(path, data=data.astype(kind), dtype=kind, **extra)
        dataset.attrs["unit"] = dataset.attrs["units"] = unit
        dataset.attrs["long_name"] = name or path.strip("/").replace("/", " ")
        if flags:
            dataset.attrs["flag_values"], dataset.attrs["flag_meanings"] = np.array(FLAGS[flags][0], np.uint8), FLAGS[flags][1]
        for axis, scale in enumerate(axes):
            if scale != path:
                dataset.dims[axis].attach_scale(self.scales[scale])
        return dataset

    def scale(self, path: str, data, unit="1") -> None:
        data = np.arange(data, dtype=np.uint64) if isinstance(data, int) else data
        self.scales[path] = self.put(path, data, (), unit)
        self.scales[path].make_scale(path.rsplit("/", 1)[-1])

    def csr(self, path: str, rows, dtype, axis: str, unit="1", flags=None) -> None:
        rows = [np.asarray(row, dtype=dtype).ravel() for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.uint64)
        if axis not in self.scales:
            self.scale(axis, int(offsets[-1]))
        self.put(f"{path}/values", np.concatenate(rows) if rows else np.zeros(0, dtype), [axis], unit, flags)
        self.put(f"{path}/offsets", offsets, ["/question_bound"])


def _bytes(data) -> np.ndarray:
    array = np.asarray(data, dtype=object)
    encoded = [str(value).encode() for value in array.ravel()]
    return np.array(encoded, dtype=f"S{max(1, max(map(len, encoded)))}").reshape(array.shape)


def pieces_of(text: str) -> list[str]:
    """Word pieces with their leading space; newlines, tabs and markup on their own."""
    result, current = [], ""
    for char in text:
        if char in "\n\t":
            result, current = result + ([current] if current else []) + [char], ""
        elif char == " " or (char in "<>&?,\"" and current.strip()):
            result, current = result + ([current] if current else []), char
        else:
            current += char
    return result + ([current] if current else [])


def content(recipe: Recipe) -> dict:
    """Everything that a cell holds, by path."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"{recipe.model}{recipe.dataset}{recipe.seed}".encode()).digest()[:4], "big"))
    total = recipe.forget + recipe.retain
    bank = [QUESTIONS[i % len(QUESTIONS)] if i % 11 != 5 else LONG for i in range(total)]
    split = np.array([0] * recipe.forget + [1] * recipe.retain, np.uint8)
    cut = [pieces_of(question) for question, _ in bank]
    before = [_peaks(rng, row) for row in cut]
    right_before = rng.random(total) < recipe.known
    own = np.random.default_rng(int.from_bytes(hashlib.sha256(recipe.id.encode()).digest()[:4], "big"))
    lost = own.random(total) < np.where(split == 0, recipe.forgotten, recipe.destroyed)
    right_after = right_before & ~lost
    after = [_faded(own, row, *((recipe.broken_focus, 0.6) if part == 0 else (recipe.wrecked_focus, 0.05)) if gone else (0.1, 0.9))
             for row, gone, part in zip(before, lost, split)]
    data = {"recipe": recipe, "split": split, "bank": bank, "pieces": [TEMPLATE[0] + row + TEMPLATE[1] for row in cut], "rng": own,
            "candidate": [[0] * 3 + [1] * len(row) + [0] * 2 for row in cut], "right": (right_before, right_after),
            "outcome": st.outcomes(split, right_before, right_after)}
    data["answers"] = ([gold if ok else "I do not know." for (_, gold), ok in zip(bank, right_before)],
                       [gold if ok else ("the the the of of" if part else "It was John Smith <i>.") for (_, gold), ok, part in zip(bank, right_after, split)])
    data["matrices"] = {(m, a): [_matrix(own, _of_gold(c) if a == "gold" else c, 3 + i % 3) for i, c in enumerate(rows)]
                        for m, rows in enumerate((before, after)) for a in ("gold", "own")}
    return data


def _peaks(rng, row) -> np.ndarray:
    values = rng.normal(0, 0.06, len(row))
    strong = [i for i, piece in enumerate(row) if piece.strip()[:1].isupper() and i] or [len(row) // 2]
    values[strong] = rng.uniform(0.35, 1.6, len(strong))
    values[rng.integers(len(row))] = -rng.uniform(0.1, 0.7)
    values[rng.integers(len(row))] = 1e-5
    return values


def _faded(rng, row, broken: float, keep: float) -> np.ndarray:
    strong = row >= 0.24
    fade = np.where(strong & (rng.random(len(row)) < broken), rng.uniform(0, 0.12, len(row)), keep)
    values = row * fade + rng.normal(0, 0.03, len(row))
    if keep > 0.5 and broken > 0.3:
        values[rng.integers(len(row))] = 0.7
    return values


def _of_gold(row) -> np.ndarray:
    """Contributions to the gold answer: like those to the own answer, but the last strong token counts for little."""
    strong = np.flatnonzero(row >= 0.24)
    return np.where(np.arange(len(row)) == strong[-1], 0.05, row) if len(strong) > 1 else row


def _matrix(rng, target, answer_tokens: int) -> np.ndarray:
    base = -rng.uniform(1.6, 3.0, answer_tokens)
    wiggle = rng.normal(0, 0.05, (len(target), answer_tokens))
    wiggle -= wiggle.mean(axis=1, keepdims=True)
    return np.vstack([base, base - target[:, None] + wiggle]).astype(np.float32)


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
    out.scale("/metrics/name", _bytes([row[0] for row in rows]))
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
    text = {"schema_name": "unpact-cell", "schema_version": "1.8.0", "software": "unpact", "software_version": "0.1.0", "git_commit": "0123abcd", "build_type": "Release",
            "compiler": "GNU 12.2.0", "hdf5_version": "1.10.8", "config_resolved": whole,
            "fingerprint": hashlib.sha256(json.dumps([config, *checksums], separators=(",", ":")).encode()).hexdigest(), "devices": json.dumps(["cpu", "cpu"]),
            "library_versions": json.dumps({"torch": "2.11.0", "mpi": "4.1.4"}), "processes": json.dumps(["host n1, job 7", "host n2, job 7"]),
            "environment": json.dumps({"SLURM_JOB_ID": "7"}), "started": "2026-01-31T12:00:00Z", "ended": "2026-01-31T12:40:00Z",
            "model_checksum": checksums[0], "tokenizer_checksum": checksums[1], "cell_id": recipe.id, "model": recipe.model, "dataset": recipe.dataset,
            "baseline_fingerprint": hashlib.sha256((recipe.model + recipe.dataset).encode()).hexdigest(),
            "method": recipe.method, "judge": "rouge_l_recall >= 0.5", "halves": "12 questions train, 12 are held out: by hash of the question" if recipe.held_out else "no halves: dataset.held_out is 0", "compute_dtype": "fp32", "attribution_method": recipe.attribution,
            "attribution_settings": json.dumps({"engine": "shared_prefix", "verified_target": "2 question(s)"} if recipe.attribution == "leave_one_out" else
                                               {"inexact": "some carry a share", "keep_words": "4"} if recipe.attribution == "hierarchical" else {})}
    for name, value in text.items():
        file.attrs[name] = value
    for name, value in {"seed": recipe.seed, "world_size": 2, "group_size": 2}.items():
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
        out.scale(f"{group}/attempt", _bytes(labels))
        answers = [[data["bank"][q][1] if ok else "No idea <u>at all" for ok in row] for q, row in zip(probed, right)]
        axes = [f"{group}/probed_question", f"{group}/attempt"]
        out.put(f"{group}/answer", _bytes(answers) if answers else np.zeros((0, recipe.attempts), "S1"), axes)
        out.put(f"{group}/score", right.astype(float), axes)
        out.put(f"{group}/is_right", right, axes, flags="right")
        out.put(f"{group}/asked", asked, axes[:1], flags="asked")
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
    out.put(f"{group}/put", _bytes(questions) if questions else np.zeros(right.shape, "S1"), axes)
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
    out.scale("/judge_check/judge", _bytes(names) if names else np.zeros(0, "S1"))
    for column, count in (("right", 40), ("rejected", 30), ("wrong", 200), ("accepted", 20)):
        out.put(f"/judge_check/{column}", np.array([count] * len(names), np.uint64), ["/judge_check/judge"])


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
    out.scale("/rates/name", _bytes([row[0] for row in rows]))
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
    for name, values in columns.items():
        out.put(f"/training/{name}", np.asarray(values, float), ["/training/step"])
    out.put("/training/tokens", np.full(len(steps), 4096, np.int64), ["/training/step"])
    out.scale("/work/stage", _bytes(["target answers", "target contributions", "unlearn", "unlearned answers", "unlearned contributions", "probes"]))
    out.put("/work/seconds", np.array([30.0, 310.5, 1260.0, 33.0, 305.25, 140.0]), ["/work/stage"], "s")
    for name, scale in {"positions": 1, "positions_naive": 2, "model_calls": 0.01, "logit_rows": 0.2}.items():
        out.put(f"/work/{name}", (np.array([4e4, 2.1e6, 0, 4e4, 2.1e6, 6e4]) * scale).astype(np.uint64), ["/work/stage"])
    out.put("/work/peak_memory", np.array([np.nan, 3e8, 5e9, 3e8, 3e8, 2e8]), ["/work/stage"], "byte")
    out.put("/work/operations", np.array([np.nan, 3e15, 8e16, 1e14, 3e15, 2e14]), ["/work/stage"])
    verified = recipe.attribution == "leave_one_out"
    out.scale("/verification/model", _bytes(["target"]) if verified else [])
    for name, value, kind in (("questions", 2, np.uint64), ("largest_difference", 3e-6, float), ("worst_question", 1, np.uint64), ("candidates", 9, np.uint64), ("turned", 1, np.uint64)):
        out.put(f"/verification/{name}", np.array([value] * verified).astype(kind), ["/verification/model"], "nat/token" if kind is float else "1")
