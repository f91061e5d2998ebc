"""The tables of a paper, each under a number of its own: a table that a campaign has nothing for is left out, and the others keep their numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from . import thoughts, ways
from .claims import headline
from .model import Rate
from .pooled import COLUMNS, MEANS, Pooled, probes_of
from .statistics import rate
from .table import HALF, HALF_SAYS
from .tables import Table, Value
from .text import DASH, signed
from .web import pairs
from .web.gather import Gathered
from .web.index import VIEW_WORDS

PAIR = ("model", "dataset", "method")


def all_tables(made: Gathered, rows: Sequence[Pooled], beside: Gathered | None = None) -> list[tuple[int, Table]]:
    """All tables that there is something for, with their numbers; `beside` holds this campaign and others, for the last table."""
    on_the_way = {table.name: table for table in ways.tables(made.ways)}
    found: list[Table | None] = [
        results_table(rows, probes_of(made.summaries)),
        claims_table(made),
        *(key_token_table(made, view) for view in VIEW_WORDS),
        probes_table(made),
        *(on_the_way.get(name) for name in ("trajectories", "destruction_at", "pareto")),
        judges_table(made),
        metrics_table(made),
        models_table(made),
        seeds_table(made),
        datasets_table(made),
        attributions_table(made),
        cost_table(made),
        thoughts.table(made.said),
        None if beside is None else differences_table(beside),
    ]
    return [(number, table) for number, table in enumerate(found, 1) if table is not None and table.rows]


def results_table(rows: Sequence[Pooled], probes: dict[str, str]) -> Table:
    """A row a model, data set and method, seeds pooled."""
    names = {
        "knowledge_left": COLUMNS["knowledge_left"],
        **{f"recovery_{name}": f"recovery {label}" for name, label in probes.items()},
        **{name: words for name, words in COLUMNS.items() if name != "knowledge_left"},
    }
    body = [
        [row.model, row.dataset, row.method, _seeds(row), row.forgotten, *(row.rates.get(name, rate(0, 0)) for name in names), row.verdict]
        for row in rows
    ]
    return Table(
        "results",
        "Knowledge left, recovery, destruction and focus shift; seeds pooled, in brackets 95 % Wilson intervals."
        + (f" {HALF}: {HALF_SAYS}" if any(row.on_half for row in rows) else ""),
        ["model", "data", "method", "seeds", "forgotten", *names.values(), "verdict"],
        body,
        tuple(COLUMNS[name] for name in MEANS),
    )


def _seeds(row: Pooled) -> str:
    return ", ".join(map(str, row.seeds)) + HALF * row.on_half


def claims_table(made: Gathered) -> Table:
    """What each model and data set says about each claim: the answer of more than half of its cells, and how many give it."""
    body: list[list[Value]] = []
    for key, numbers in _groups(made, ("model", "dataset")).items():
        answers = [made.entries[number]["claims"] for number in numbers]
        columns = [[given[place] for given in answers] for place in range(len(answers[0]))]
        said = [headline(Counter(column)) for column in columns]
        body.append([*key, *(f"{word} ({column.count(word)}/{len(column)})" for word, column in zip(said, columns, strict=True))])
    return Table(
        "claims",
        "The study's claims 1 to 3 and ours on their cause (4), by the rules of the report; in brackets cells with this answer.",
        ["model", "data", "claim 1", "claim 2", "claim 3", "claim 4"],
        body,
    )


def key_token_table(made: Gathered, view: str) -> Table:
    """Shares of KeyTokens by one kind of class, over all cells."""
    title, classes = VIEW_WORDS[view]
    sums = [[sum(entry["keys"][view][place][column] for entry in made.entries) for column in range(4)] for place in range(len(classes))]
    body: list[list[Value]] = [
        [name, int(counts[0]), rate(counts[1], counts[0]), rate(counts[2], counts[0]), rate(counts[3], counts[1])]
        for name, counts in zip(classes, sums, strict=True)
    ]
    return Table(
        f"key_tokens_{view}",
        f"KeyTokens {title}, before and after unlearning, and how many of those before are KeyTokens after; all cells.",
        ["class", "candidates", "before", "after", "still KeyTokens"],
        body,
    )


def probes_table(made: Gathered) -> Table:
    """A row a model, data set, method and probe: recovery at one attempt and at all, beside floor and ceiling, and its cost."""
    labels = probes_of(made.summaries)
    body: list[list[Value]] = []
    for key, numbers in _groups(made, PAIR).items():
        entries = [made.entries[number] for number in numbers]
        for name, label in labels.items():
            budgets = [entry["budget"][name] for entry in entries if len(entry["budget"].get(name, [])) > 1]
            if not budgets:
                continue
            asked = sum(int(budget[-1]) for budget in budgets)
            arms = [_added(entry["arms_beside"].get(name, {}).get(arm) for entry in entries) for arm in ("floor", "ceiling")]
            spent = [entry["spent"][name] for entry in entries if name in entry["spent"]]
            tokens, won = (sum(part[place] for part in spent) for place in (0, 1))
            body.append([
                *key, label, max(len(budget) - 1 for budget in budgets), rate(sum(budget[0] for budget in budgets), asked),
                rate(sum(budget[-2] for budget in budgets), asked), *arms, str(round(tokens / won)) if won else DASH,
            ])  # fmt: skip
    return Table(
        "probes",
        "What each probe wins back of the forgotten questions that it asked, at one attempt and at all, on average over the choice of attempts; seeds pooled. Floor: a model that "
        "was never taught; ceiling: the target; asked the same questions. Tokens of all attempts for each question that is won back.",
        ["model", "data", "method", "probe", "attempts", "at one attempt", "at all", "floor", "ceiling", "tokens a recovery"],
        body,
    )


def judges_table(made: Gathered) -> Table:
    """A row a model, data set, method and judge, the one that decides first."""
    body: list[list[Value]] = []
    for key, numbers in _groups(made, PAIR).items():
        entries = [made.entries[number] for number in numbers]
        for judge in dict.fromkeys(judge for entry in entries for judge in entry["judges"]):
            counts = [entry["counts"][judge] for entry in entries if judge in entry["counts"]]
            shares = [_added([one[f"unlearned_{split}"], one[split]] for one in counts) for split in ("forget", "retain")]
            body.append([*key, judge, *shares, _added([one["deciding"][1], sum(one["deciding"])] for one in counts)])
    return Table(
        "judges",
        "The unlearned model's answers by every judge, seeds pooled; the judge that decides comes first.",
        ["model", "data", "method", "judge", "right, forget", "right, retain", "destructive rate"],
        body if any(len(entry["judges"]) > 1 for entry in made.entries) else [],
    )


def metrics_table(made: Gathered) -> Table:
    """A row a cell and metric."""
    body: list[list[Value]] = []
    for entry, run in zip(made.entries, made.runs, strict=True):
        for metric in run["metrics"]:
            both = [_measured(metric["count"], metric[model]) for model in ("target", "unlearned")]
            body.append([entry["model"], entry["dataset"], entry["method"], str(entry["seed"]), metric["name"], metric["says"], *both])
    return Table(
        "metrics",
        "The field's metrics of the target and of each unlearned model, in brackets 95 % intervals where there are any.",
        ["model", "data", "method", "seed", "metric", "larger says", "target", "unlearned"],
        body,
        ("target", "unlearned"),
    )


def models_table(made: Gathered) -> Table:
    """Two models on the same questions."""
    return Table(
        "models",
        "Two models on the questions that both knew, seeds pooled: the other minus the first in points, 95 % bootstrap intervals over questions, McNemar's exact test.",
        ["first model", "other model", "data", "method", "measure", "first", "other", "difference", "p"],
        [[row["model"], row["other_model"], row["dataset"], row["method"], *_difference(row)] for row in pairs.between_models(made) if row["count"]],
    )


def differences_table(made: Gathered) -> Table:
    """The first campaign beside others."""
    names = {number: f"campaign {number + 1}" for number in range(1 + max((entry["campaign"] for entry in made.entries), default=0))}
    return Table(
        "differences",
        "Campaigns on the same questions, seeds pooled: another one minus the first in points, 95 % bootstrap intervals over questions, McNemar's exact test.",
        ["model", "data", "method", "other", "measure", "first", "other's", "difference", "p"],
        [[row["model"], row["dataset"], row["method"], names[row["campaign"]], *_difference(row)] for row in pairs.between_campaigns(made) if row["count"]],
    )


def seeds_table(made: Gathered) -> Table:
    """How alike the KeyTokens of two seeds are."""
    return Table(
        "seeds",
        "Cosine of the KeyToken sets of two seeds after unlearning, mean over questions and pairs of seeds.",
        ["model", "data", "method", "mean cosine", "questions", "pairs of seeds"],
        [[row["model"], row["dataset"], row["method"], _two(row["cosine"]), row["count"], row["pairs"]] for row in pairs.across_seeds(made)],
    )


def datasets_table(made: Gathered) -> Table:
    """How alike the target's KeyTokens are on two data sets."""
    return Table(
        "datasets",
        "KeyTokens of the target among the token ids that two data sets share: cosine of the sets, rank correlation of the shares.",
        ["model", "data", "other data", "shared ids", "cosine", "correlation"],
        [[row["model"], row["first"], row["second"], row["shared"], _two(row["cosine"]), _two(row["correlation"])] for row in pairs.across_datasets(made)],
    )


def attributions_table(made: Gathered) -> Table:
    """How far methods of attribution agree."""
    return Table(
        "attributions",
        "Agreement of attribution methods about the same prompts: mean rank correlation, and overlap of the three largest contributions.",
        ["model", "data", "method", "other method", "prompts", "rank correlation", "overlap of the top 3"],
        [[row["model"], row["dataset"], row["first"], row["second"], row["count"], _two(row["correlation"]), _two(row["overlap"])]
         for row in pairs.of_attributions(made) if "error" not in row],
    )  # fmt: skip


def cost_table(made: Gathered) -> Table:
    """A row a stage, all cells together."""
    stages: dict[str, list[float]] = {}
    for run in made.runs:
        found = run["stages"]
        for place, stage in enumerate(found.get("stage", [])):
            sums = stages.setdefault(stage, [0.0, 0.0, 0.0, 0.0])
            for column, name in enumerate(("seconds", "positions", "model_calls")):
                sums[column] += (found.get(name) or [0] * (place + 1))[place] or 0
            sums[3] = max(sums[3], (found.get("peak_memory") or [0] * (place + 1))[place] or 0)
    whole = sum(sums[0] for sums in stages.values()) or 1.0
    return Table(
        "cost",
        "Where the time goes, all cells together; the largest peak memory of a cell.",
        ["stage", "seconds", "share in %", "positions", "model calls", "peak memory in MiB"],
        [[stage, f"{sums[0]:.4g}", f"{100 * sums[0] / whole:.1f}", int(sums[1]), int(sums[2]), round(sums[3] / 2**20)] for stage, sums in stages.items()],
    )


def _groups(made: Gathered, names: Sequence[str]) -> dict[tuple[str, ...], list[int]]:
    found: dict[tuple[str, ...], list[int]] = {}
    for number, entry in enumerate(made.entries):
        found.setdefault(tuple(entry[name] for name in names), []).append(number)
    return found


def _added(parts: Any) -> Rate:
    there = [part for part in parts if part]
    return rate(sum(part[0] for part in there), sum(part[1] for part in there))


def _measured(count: int, numbers: Sequence[float | None]) -> Rate:
    value, low, high = (math.nan if number is None else float(number) for number in numbers)
    return Rate(count, count if not math.isnan(value) else 0, value, low, high)


def _difference(row: dict[str, Any]) -> list[Value]:
    points: Callable[[float | None], str] = lambda value: DASH if value is None else signed(100 * value, 1)  # noqa: E731
    return [row["measure"], rate(row["first"], row["count"]), rate(row["other"], row["count"]), f"{points(row['gap'])} ({points(row['low'])} to {points(row['high'])})", f"{row['p']:.3g}"]


def _two(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f}"
