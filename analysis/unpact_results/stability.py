"""Which tokens are KeyTokens, across data sets: by how often a token occurs, where it stands, and what kind it is."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .agreement import spearman
from .model import Cell, Rate
from .page import write_page
from .plotting import MODEL_COLOURS, new_figure, style
from .reading import ResultsError
from .statistics import rate
from .text import DASH, full

FREQUENCIES = ("once", "2 to 5 times", "6 to 20 times", "more often")
POSITIONS = ("first fifth", "second fifth", "middle fifth", "fourth fifth", "last fifth")
EDGES = ("first behind the template", "between", "last before the template")
KINDS = ("capitalized word", "number", "other word", "inside a word", "punctuation")
VIEWS = {"frequency of the token in the data set's questions": FREQUENCIES, "position in the question": POSITIONS, "place beside the template": EDGES, "kind of token": KINDS}


@dataclass(frozen=True)
class Token:
    """A candidate of one prompt."""

    id: int
    piece: str
    place: int
    count: int  # candidates of its prompt
    is_key: bool
    is_uncertain: bool


@dataclass
class DataSet:
    """KeyTokens of one results file."""

    name: str
    tokenizer: str
    method: str
    floors: tuple[float, float]
    keys: Rate
    uncertain: Rate
    shares: dict[str, dict[str, Rate]] = field(default_factory=dict)  # view -> class -> share that are KeyTokens
    by_id: dict[int, tuple[int, int]] = field(default_factory=dict)  # token id -> times KeyToken, times candidate


@dataclass(frozen=True)
class Overlap:
    """Two data sets, over the token ids that are candidates in both."""

    first: str
    second: str
    shared: int
    cosine: float  # of the sets of ids that are a KeyToken at least once
    correlation: float  # Spearman's, of the shares


@dataclass(frozen=True)
class Stability:
    """All data sets and pairs of them."""

    sets: list[DataSet]
    overlaps: list[Overlap]
    answer: str


def tokens_of(cell: Cell, answer: str) -> Iterator[Token]:
    """The candidates of all prompts that were attributed."""
    part = getattr(cell.target, answer)
    for question in range(len(cell.question)):
        keys, doubts = part.is_key_token[question], part.is_uncertain[question]
        where = np.flatnonzero(cell.is_candidate[question])
        if not len(keys):
            continue
        pieces, ids = cell.pieces_of(question), cell.token_ids[question]
        for place, at in enumerate(where.tolist()):
            yield Token(int(ids[at]), pieces[at], place, len(where), bool(keys[place]), bool(len(doubts) and doubts[place]))


def kind_of(token: Token) -> str:
    """What a piece of text is, by its characters."""
    text = token.piece.replace("\u2581", " ").replace("\u0120", " ")
    bare = text.strip()
    if not any(char.isalnum() for char in bare):
        return "punctuation"
    if bare[0].isdigit():
        return "number"
    if not text.startswith((" ", "\n")) and token.place > 0:
        return "inside a word"
    return "capitalized word" if bare[0].isupper() else "other word"


def edge_of(token: Token) -> str:
    """Whether the token is next to the template."""
    return EDGES[0] if token.place == 0 else EDGES[2] if token.place == token.count - 1 else EDGES[1]


def frequency_of(times: int) -> str:
    """The class of a number of occurrences."""
    return FREQUENCIES[0 if times == 1 else 1 if times <= 5 else 2 if times <= 20 else 3]


def describe(cell: Cell, answer: str) -> DataSet:
    """Shares of KeyTokens in every class."""
    tokens = list(tokens_of(cell, answer))
    times = Counter(token.id for token in tokens)
    views: dict[str, Callable[[Token], str]] = dict(zip(VIEWS, (
        lambda token: frequency_of(times[token.id]), lambda token: POSITIONS[int(5 * (token.place + 0.5) / token.count)], edge_of, kind_of)))
    keys = sum(token.is_key for token in tokens)
    result = DataSet(cell.dataset, str(cell.attributes.get("tokenizer_checksum", "")), cell.attribution_method, (cell.alpha, cell.beta),
                     rate(keys, len(tokens)), rate(sum(token.is_uncertain for token in tokens), len(tokens)))
    for view, classify in views.items():
        groups = {name: [token for token in tokens if classify(token) == name] for name in VIEWS[view]}
        result.shares[view] = {name: rate(sum(t.is_key for t in group), len(group), name) for name, group in groups.items()}
    chosen = Counter(token.id for token in tokens if token.is_key)
    result.by_id = {token: (chosen[token], count) for token, count in times.items()}
    return result


def overlap(first: DataSet, second: DataSet) -> Overlap:
    """How far two data sets agree about the tokens that both have; NaN where their tokenizers differ."""
    if first.tokenizer != second.tokenizer:
        return Overlap(first.name, second.name, 0, math.nan, math.nan)
    shared = sorted(first.by_id.keys() & second.by_id.keys())
    shares = [np.array([each.by_id[token][0] / each.by_id[token][1] for token in shared]) for each in (first, second)]
    sets = [values > 0 for values in shares]
    sizes = math.sqrt(float(sets[0].sum()) * float(sets[1].sum())) if shared else 0.0
    cosine = float((sets[0] & sets[1]).sum()) / sizes if sizes else math.nan
    return Overlap(first.name, second.name, len(shared), cosine, spearman(*shares))


def measure(cells: Sequence[Cell], answer: str) -> Stability:
    """Describe every results file and compare each pair of them."""
    sets = [describe(cell, answer) for cell in cells]
    for each, count in Counter(s.name for s in sets).items():
        if count > 1:  # the same data with several models, say
            for number, item in enumerate([s for s in sets if s.name == each], 1):
                item.name = f"{each} #{number}"
    if not any(s.keys.total for s in sets):
        raise ResultsError(f"no prompt was attributed to its {answer} answer")
    pairs = [overlap(sets[i], sets[j]) for i in range(len(sets)) for j in range(i)]
    return Stability(sets, pairs, answer)


def share_table(stability: Stability, view: str) -> list[list[str]]:
    """A row a class, a column a data set."""
    return [[view, *(s.name for s in stability.sets)]] + [[name, *(full(s.shares[view][name]) for s in stability.sets)] for name in VIEWS[view]]


def overlap_table(stability: Stability) -> list[list[str]]:
    """A row a pair of data sets."""
    def shown(value: float) -> str:
        return DASH if math.isnan(value) else f"{value:.2f}"

    head = ["data set", "other data set", "token ids in both", "cosine of their KeyTokens", "correlation of their shares"]
    return [head] + [[o.first, o.second, str(o.shared), shown(o.cosine), shown(o.correlation)] for o in stability.overlaps]


def tables(stability: Stability) -> list[tuple[str, list[list[str]]]]:
    """All tables with their headings."""
    head = ["data set", "method", "alpha, beta", "KeyTokens among candidates", "verdicts that noise could turn"]
    facts = [head] + [[s.name, s.method, f"{s.floors[0]:g}, {s.floors[1]:g}", full(s.keys), full(s.uncertain)] for s in stability.sets]
    made = [("Data sets", facts)] + [(f"By {view}", share_table(stability, view)) for view in VIEWS]
    return made + ([("Between data sets", overlap_table(stability))] if stability.overlaps else [])


def markdown(stability: Stability) -> str:
    """All tables in Markdown."""
    parts = []
    for heading, rows in tables(stability):
        lines = ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in rows]
        parts.append("\n".join([f"## {heading}", "", lines[0], "| " + " | ".join(["---"] * len(rows[0])) + " |", *lines[1:]]))
    return "\n\n".join(parts) + "\n"


def csv_text(stability: Stability) -> str:
    """The shares with counts and intervals."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["dataset", "view", "class", "count", "total", "value", "low", "high"])
    for each in stability.sets:
        for view, classes in each.shares.items():
            for name, share in classes.items():
                numbers = ["" if math.isnan(value) else f"{value:.10g}" for value in (share.value, share.low, share.high)]
                writer.writerow([each.name, view, name, int(share.count), share.total, *numbers])
    return out.getvalue()


def figure(stability: Stability) -> Figure:
    """A panel a view, a bar a class and data set, with 95 % Wilson intervals."""
    with style():
        picture = new_figure(11.5, 6.4)
        width = 0.8 / len(stability.sets)
        for axes, (view, classes) in zip(picture.subplots(2, 2).ravel(), VIEWS.items()):
            for number, each in enumerate(stability.sets):
                colour = MODEL_COLOURS[number % len(MODEL_COLOURS)]
                for place, name in enumerate(classes):
                    share = each.shares[view][name]
                    if not share.total:
                        continue
                    x = place + (number - (len(stability.sets) - 1) / 2) * width
                    axes.bar(x, share.value, width * 0.9, color=colour, zorder=2)
                    axes.errorbar(x, share.value, yerr=[[share.value - share.low], [share.high - share.value]], fmt="none", ecolor="#333333", elinewidth=0.9, zorder=3)
            axes.set_title(f"by {view}")
            axes.set_xticks(range(len(classes)), [name.replace(" ", "\n", 1) for name in classes], fontsize=8)
            axes.set(ylim=(0, None), xlim=(-0.6, len(classes) - 0.4), ylabel="share of KeyTokens")
            axes.grid(axis="x", visible=False)
        handles = [Patch(color=MODEL_COLOURS[number % len(MODEL_COLOURS)], label=each.name) for number, each in enumerate(stability.sets)]
        picture.legend(handles=handles, loc="outside upper left", ncols=4)
    return picture


def write(stability: Stability, out: Path) -> list[Path]:
    """Write the page, and beside it the shares and the picture; returns what was written."""
    words = " ".join(f"{s.name}: {full(s.keys)} of the candidates are KeyTokens." for s in stability.sets)
    notes = [f"Share of candidate tokens that are KeyTokens of the {stability.answer} answer, with counts and 95 % Wilson intervals.",
             "Tokens of the template, of in-context examples and BOS are context and not measured unless they were made candidates.",
             "Data sets are compared over the token ids that are candidates in both; with different tokenizers they cannot be."]
    return write_page(out, "KeyTokens across data sets", notes, figure(stability), words, tables(stability), csv_text(stability), markdown(stability))
