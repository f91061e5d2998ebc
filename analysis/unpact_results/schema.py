"""docs/results-format.md, version 1.11, as data: which attributes and datasets a file has."""

from __future__ import annotations

from dataclasses import dataclass, replace

STRING = "string"
NATS, SHARES = "nat/token", "1"  # units of contributions
CELL, CAMPAIGN = "unpact-cell", "unpact-campaign"

_COMMON = {name: STRING for name in ("schema_name", "schema_version", "software", "software_version", "git_commit", "build_type", "compiler", "hdf5_version")}
CELL_ATTRIBUTES = _COMMON | {
    name: STRING for name in ("config_resolved", "fingerprint", "devices", "library_versions", "started", "ended", "model_checksum", "tokenizer_checksum",
                              "cell_id", "model", "dataset", "method", "judge")
} | dict.fromkeys(("seed", "world_size", "group_size"), "int64") | dict.fromkeys(("alpha", "beta", "noise_floor"), "float64")
CELL_ATTRIBUTES_SINCE_1_1 = {"attribution_method": STRING, "attribution_settings": STRING}
CELL_ATTRIBUTES_SINCE_1_4 = {"baseline_fingerprint": STRING}
CELL_ATTRIBUTES_SINCE_1_5 = {"compute_dtype": STRING}
CELL_ATTRIBUTES_SINCE_1_6 = {"processes": STRING, "environment": STRING}
CELL_ATTRIBUTES_SINCE_1_7 = {"halves": STRING}
CELL_ATTRIBUTES_SINCE_1_8 = {"skipped_questions": "int64"}
DTYPES = ("fp32", "tf32", "bf16", "fp16")  # that a model answers in
PROBE_ATTRIBUTES_SINCE_1_3 = ("label", "kind")
PROBE_KINDS = ("probe", "baseline", "control")
CAMPAIGN_ATTRIBUTES = _COMMON | {"collected": STRING} | dict.fromkeys(("finished", "missing", "broken"), "int64")
CAMPAIGN_ATTRIBUTES_SINCE_1_3 = {"probes": STRING}
CAMPAIGN_ATTRIBUTES_SINCE_1_4 = dict.fromkeys(("failed", "other"), "int64")

FLAG_MEANINGS = {
    "right": ((0, 1), None),
    "flag": ((0, 1), None),
    "split": ((0, 1), ("forget", "retain")),
    "class": ((0, 1, 2, 3, 4), ("unknown", "retained", "forgotten", "kept", "destroyed")),
    "half": ((0, 1, 2), ("whole", "trained", "held_out")),
    "knowledge": ((0, 1, 2, 3, 4), ("retain", "unknown", "still_right", "recovered", "gone")),
    "arm": ((0, 1, 2), ("not_asked", "wrong", "right")),
    "asked": ((0, 1, 2), ("no", "yes", "relative_floor")),
    "role": ((0, 1, 2), ("none", "choose", "report")),
    "state_before_1_4": ((0, 1, 2), ("finished", "missing", "broken")),
    "state": ((0, 1, 2, 3, 4), ("finished", "missing", "broken", "failed", "other")),
}


@dataclass(frozen=True)
class Field:
    """One dataset: its path, type, axes (paths of scales; its own path when it is a scale) and unit."""

    path: str
    kind: str
    axes: tuple[str, ...]
    unit: str = "1"
    flags: str = ""
    since: int = 0  # minor version that added it

    @property
    def is_scale(self) -> bool:
        """Whether the dataset is the scale of its own axis."""
        return self.axes == (self.path,)


def _scale(path: str, kind: str = "uint64") -> Field:
    return Field(path, kind, (path,))


def _csr(path: str, kind: str, axis: str, unit: str = "1", flags: str = "") -> list[Field]:
    return [Field(f"{path}/values", kind, (axis,), unit, flags), Field(f"{path}/offsets", "uint64", ("/question_bound",))]


def _table(group: str, axis: str, axis_kind: str, columns: dict[str, str], units: dict[str, str] | None = None) -> list[Field]:
    scale = f"{group}/{axis}"
    return [_scale(scale, axis_kind)] + [Field(f"{group}/{name}", kind, (scale,), (units or {}).get(name, "1")) for name, kind in columns.items()]


def _contribution(group: str) -> list[Field]:
    token, entry, candidate = (f"{group}/{name}" for name in ("answer_token", "entry", "candidate"))
    return [_scale(token), _scale(entry), _scale(candidate)] + _csr(f"{group}/answer_ids", "int32", token) + _csr(
        f"{group}/log_probabilities", "float32", entry, "nat") + _csr(f"{group}/contributions", "float32", candidate, "nat/token") + _csr(
        f"{group}/is_key_token", "uint8", candidate, "1", "flag")


def _certainty(group: str) -> list[Field]:
    """What version 1.1 added to the contributions."""
    candidate, estimate, question = f"{group}/candidate", f"{group}/estimate", ("/question",)
    fields = [_scale(estimate), *_csr(f"{group}/standard_errors", "float32", estimate, "nat/token"),
              *_csr(f"{group}/key_token_uncertain", "uint8", candidate, "1", "flag"),
              Field(f"{group}/mean_log_probability", "float64", question, "nat/token"),
              Field(f"{group}/completeness_error", "float64", question, "nat/token"), Field(f"{group}/surrogate_r2", "float64", question)]
    return [replace(field, since=1) for field in fields]


def probe_fields(group: str) -> list[Field]:
    """Datasets of one probe."""
    question, attempt = f"{group}/probed_question", f"{group}/attempt"
    both = (question, attempt)
    return [_scale(question), _scale(attempt, STRING), Field(f"{group}/answer", STRING, both), Field(f"{group}/score", "float64", both),
            Field(f"{group}/is_right", "uint8", both, "1", "right"), Field(f"{group}/asked", "uint8", (question,), "1", "asked", since=7),
            *[replace(field, since=7) for field in (Field(f"{group}/put", STRING, both), Field(f"{group}/has_gold", "uint8", both, "1", "flag"),
              Field(f"{group}/gold_share", "float64", both), Field(f"{group}/new_words", "int32", both), Field(f"{group}/echo_right", "uint8", both, "1", "flag"))],
            Field(f"{group}/tokens", "int32", both, since=8), Field(f"{group}/gold", STRING, both, since=8),
            Field(f"{group}/trained", "uint8", (attempt,), "1", "flag", since=11)]


def verdict_fields(group: str, judge: str) -> list[Field]:
    """Datasets of a judge that does not decide, on a probe's attempts."""
    both = (f"{group}/probed_question", f"{group}/attempt")
    return [Field(f"{group}/judges/{judge}/score", "float64", both), Field(f"{group}/judges/{judge}/is_right", "uint8", both, "1", "right")]


def judge_fields(group: str) -> list[Field]:
    """Datasets of such a judge on both models' answers."""
    return [Field(f"{group}/{model}_{name}", kind, ("/question",), "1", flags) for model in ("target", "unlearned")
            for name, kind, flags in (("score", "float64", ""), ("is_right", "uint8", "right"))]


def thought_fields(group: str) -> list[Field]:
    """Datasets of what a model that thinks thought."""
    fields = [Field(f"{group}/trace", STRING, ("/question",)), Field(f"{group}/forced", "uint8", ("/question",), "1", "flag"),
              Field(f"{group}/score", "float64", ("/question",)), Field(f"{group}/is_right", "uint8", ("/question",), "1", "right")]
    for part in (f"{group}/gold", f"{group}/own"):
        token, entry = f"{part}/token", f"{part}/entry"
        fields += [_scale(token), _scale(entry), *_csr(f"{part}/token_ids", "int32", token), *_csr(f"{part}/log_probabilities", "float32", entry, "nat"),
                   *_csr(f"{part}/contributions", "float32", token, "nat/token"), Field(f"{part}/trace_share", "float64", ("/question",))]
    return fields


def thought_csr(group: str) -> list[str]:
    """Its ragged groups."""
    return [f"{group}/{part}/{name}" for part in ("gold", "own") for name in ("token_ids", "log_probabilities", "contributions")]


def arm_fields(group: str, probes: list[str]) -> list[Field]:
    """Datasets of an arm."""
    return [Field(f"{group}/is_right", "uint8", ("/question",), "1", "right"),
            *[Field(f"{group}/probes/{probe}", "uint8", ("/question",), "1", "arm") for probe in probes]]


def _end(group: str) -> list[Field]:
    """What version 1.8 added to the contributions: the column of the answer's end."""
    entry = f"{group}/end_entry"
    return [replace(field, since=8) for field in (_scale(entry), *_csr(f"{group}/end_log_probabilities", "float32", entry, "nat"))]


def _model(group: str) -> list[Field]:
    axis = ("/question",)
    return [Field(f"{group}/answer", STRING, axis), Field(f"{group}/score", "float64", axis), Field(f"{group}/is_right", "uint8", axis, "1", "right"),
            *_contribution(f"{group}/gold"), *_contribution(f"{group}/own"), *_certainty(f"{group}/gold"), *_certainty(f"{group}/own"), *_end(f"{group}/gold"), *_end(f"{group}/own")]


CSR_GROUPS = ["/prompts/token_ids", "/prompts/is_candidate"] + [
    f"/{model}/{answer}/{name}" for model in ("target", "unlearned") for answer in ("gold", "own")
    for name in ("answer_ids", "log_probabilities", "contributions", "is_key_token")
]

CSR_GROUPS_SINCE_1_1 = [f"/{model}/{answer}/{name}" for model in ("target", "unlearned") for answer in ("gold", "own")
                       for name in ("standard_errors", "key_token_uncertain")]

CSR_GROUPS_SINCE_1_8 = [f"/{model}/{answer}/end_log_probabilities" for model in ("target", "unlearned") for answer in ("gold", "own")]

CELL_FIELDS: list[Field] = [
    _scale("/question"), _scale("/question_bound"),
    Field("/questions/split", "uint8", ("/question",), "1", "split"),
    Field("/questions/half", "uint8", ("/question",), "1", "half", since=7),
    Field("/knowledge/state", "uint8", ("/question",), "1", "knowledge", since=7),
    Field("/questions/text", STRING, ("/question",)), Field("/questions/gold_answer", STRING, ("/question",)),
    Field("/prompts/text", STRING, ("/question",)), _scale("/prompts/token"),
    *_csr("/prompts/token_ids", "int32", "/prompts/token"), *_csr("/prompts/is_candidate", "uint8", "/prompts/token", "1", "flag"),
    Field("/prompts/pieces", STRING, ("/prompts/token",)),
    *_model("/target"), *_model("/unlearned"),
    Field("/outcome/class", "uint8", ("/question",), "1", "class"),
    Field("/focus_shift/set_cosine", "float64", ("/question",)), Field("/focus_shift/contribution_cosine", "float64", ("/question",)),
    *_table("/rates", "name", STRING, {"count": "uint64", "total": "uint64", "value": "float64", "low": "float64", "high": "float64"}),
    *_table("/training", "step", "int64", dict.fromkeys(("loss", "forget_loss", "retain_loss", "gradient_norm", "learning_rate"), "float64") | {"tokens": "int64"}),
    *[Field(f"/training/{name}", "float64", ("/training/step",), since=9) for name in ("forget_norm", "retain_norm")],
    replace(Field("/work/peak_memory", "float64", ("/work/stage",), "byte"), since=2),
    replace(Field("/work/operations", "float64", ("/work/stage",)), since=5),
    *[replace(field, since=2) for field in _table("/verification", "model", STRING, {"questions": "uint64", "largest_difference": "float64",
                                                  "worst_question": "uint64"}, {"largest_difference": "nat/token"})],
    *[Field(f"/verification/{name}", "uint64", ("/verification/model",), since=5) for name in ("candidates", "turned")],
    *[replace(field, since=7) for field in _table("/judge_check", "judge", STRING, dict.fromkeys(("right", "rejected", "wrong", "accepted"), "uint64"))],
    *[Field(f"/judge_check/{name}", kind, ("/judge_check/judge",), since=8) for name, kind in (("threshold", "float64"), ("calibrated_on", "uint64"))],
    *_table("/work", "stage", STRING, {"seconds": "float64"} | dict.fromkeys(("positions", "positions_naive", "model_calls", "logit_rows"), "uint64"), {"seconds": "s"}),
]
METRIC_VALUES = ("target", "target_low", "target_high", "unlearned", "unlearned_low", "unlearned_high")
METRIC_SAYS = ("remembered", "forgotten", "useful", "damaged", "like_retrained")  # a larger value
METRIC_ITEMS = ("/metrics/target_items", "/metrics/unlearned_items")
CELL_FIELDS += [replace(field, since=7) for field in (
    *_table("/metrics", "name", STRING, {"label": STRING, "larger_says": STRING, "count": "uint64"} | dict.fromkeys(METRIC_VALUES, "float64")),
    _scale("/metrics/bound"),
    *(field for items in METRIC_ITEMS for field in (_scale(f"{items}_item"), Field(f"{items}/values", "float64", (f"{items}_item",)),
                                                   Field(f"{items}/offsets", "uint64", ("/metrics/bound",)))))]
CELL_FIELDS += [replace(field, since=9) for field in (
    *_table("/curves", "probe", STRING, {"arm": STRING, "step": "int64", "right": "uint64", "asked": "uint64", "loss": "float64"}, {"loss": "nat/token"}),
    _scale("/depth/probed_question"), _scale("/depth/block"), Field("/depth/log_probability", "float64", ("/depth/probed_question",), "nat/token"),
    *(Field(f"/depth/{source}/{part}", "float64", ("/depth/probed_question", "/depth/block"), "nat/token")
      for source in ("floor", "unlearned") for part in ("answer", "key_tokens", "others")))]
POINT_COUNTS = ("forget_right", "forget_asked", "forgotten", "forget_known", "retain_trained_right", "retain_trained_asked", "retain_held_out_right",
                "retain_held_out_asked", "destroyed_held_out", "held_out_known")
POINT_MEANS = {"extraction_strength_forget": "1", "gold_log_probability_forget": NATS, "gold_log_probability_retain": NATS}
_POINT = ("/trajectory/step", "/question")
CELL_FIELDS += [replace(field, since=10) for field in (
    *_table("/trajectory", "step", "int64", {"epoch": "float64"} | dict.fromkeys(POINT_COUNTS, "uint64") | dict.fromkeys((*POINT_MEANS, "seconds"), "float64"),
            POINT_MEANS | {"seconds": "s"}),
    Field("/trajectory/is_right", "uint8", _POINT, "1", "right"), Field("/trajectory/gold_log_probability", "float64", _POINT, NATS),
    Field("/trajectory/extraction_strength", "float64", _POINT), Field("/trajectory/role", "uint8", ("/question",), "1", "role"),
    *_table("/mix", "share", "float64", dict.fromkeys(("retain_right", "retain_asked", "forget_right", "forget_asked"), "uint64")))]
TRAJECTORY_ATTRIBUTES, MIX_ATTRIBUTES = ("rule", "why", "selected_step"), ("chosen_share", "keep", "target_right")
CELL_GROUPS = ("/probes",)
CELL_GROUPS_SINCE_1_7 = ("/judges", "/arms", "/knowledge")

LEAVE_ONE_OUT = "leave_one_out"
METHODS = (LEAVE_ONE_OUT, "hierarchical", "word_removal", "in_place_mask", "baseline", "gradient_x_input", "integrated_gradients", "shapley", "lime",
           "rollout")


def fields_of(minor: int, unit: str) -> list[Field]:
    """The datasets of a cell of version 1.`minor` whose contributions are of a unit."""
    scores = ("/contributions/values", "/standard_errors/values")
    return [replace(field, unit=unit) if field.path.endswith(scores) else field for field in CELL_FIELDS if field.since <= minor]


def csr_groups_of(minor: int) -> list[str]:
    """The CSR groups of a cell of version 1.`minor`."""
    return CSR_GROUPS + (CSR_GROUPS_SINCE_1_1 if minor >= 1 else []) + (CSR_GROUPS_SINCE_1_8 if minor >= 8 else [])


_PARTS = {"model": STRING, "dataset": STRING, "method": STRING, "seed": "int64"}


def campaign_fields_of(minor: int) -> list[Field]:
    """The datasets of a campaign file of version 1.`minor`."""
    return [*_table("/status", "id", STRING, _PARTS | {"file": STRING, "sha256": STRING, "reason": STRING} | ({"fingerprint": STRING} if minor >= 4 else {})),
            Field("/status/state", "uint8", ("/status/id",), "1", "state" if minor >= 4 else "state_before_1_4"),
            *_table("/metrics", "id", STRING, _PARTS | ({"compute_dtype": STRING, "noise_floor": "float64"} if minor >= 5 else {}), {"noise_floor": "nat/token"})]


def campaign_attributes_of(minor: int) -> dict[str, str]:
    """The root attributes of a campaign file of version 1.`minor`."""
    return CAMPAIGN_ATTRIBUTES | (CAMPAIGN_ATTRIBUTES_SINCE_1_3 if minor >= 3 else {}) | (CAMPAIGN_ATTRIBUTES_SINCE_1_4 if minor >= 4 else {})


def cell_attributes_of(minor: int) -> dict[str, str]:
    """The root attributes of a cell of version 1.`minor`."""
    return CELL_ATTRIBUTES | (CELL_ATTRIBUTES_SINCE_1_1 if minor >= 1 else {}) | (CELL_ATTRIBUTES_SINCE_1_4 if minor >= 4 else {}) | (CELL_ATTRIBUTES_SINCE_1_5 if minor >= 5 else {}) | (CELL_ATTRIBUTES_SINCE_1_6 if minor >= 6 else {}) | (
        CELL_ATTRIBUTES_SINCE_1_7 if minor >= 7 else {}) | (CELL_ATTRIBUTES_SINCE_1_8 if minor >= 8 else {})


CAMPAIGN_GROUPS_BEFORE_1_4 = ("/cells",)

TUNING = "unpact-tuning"
TUNING_ATTRIBUTES = _COMMON | {
    name: STRING for name in ("config_resolved", "started", "ended", "model_checksum", "tokenizer_checksum", "model", "dataset", "attribution_method",
                              "objective", "devices", "library_versions")
} | dict.fromkeys(("seed", "world_size", "tuned_prompts", "held_out_prompts"), "int64") | dict.fromkeys(("best_alpha", "best_beta", "noise_floor"), "float64")
TUNING_ATTRIBUTES_SINCE_1_5 = {"compute_dtype": STRING}
TUNING_COLUMNS = {"labels": ("objective", "precision", "recall", "key_tokens", "without_key_tokens"),
                  "effect": ("objective", "effect", "cost", "key_tokens", "without_key_tokens")}


def tuning_fields(objective: str) -> list[Field]:
    """Datasets of a tuning file."""
    scales = [Field("/alpha", "float64", ("/alpha",)), Field("/beta", "float64", ("/beta",), "nat/token")]
    return scales + [Field(f"/{half}/{name}", "float64", ("/alpha", "/beta")) for half in ("tuned", "held_out") for name in TUNING_COLUMNS[objective]]


SHIFT_CLASSES = ("forget", "forgotten", "retained", "unknown", "retain", "kept", "destroyed")
