"""Style in a campaign's answers: whose they are, how long their sentences, whether their facts are right, and who in the prompt carries them.

An author is whoever has texts in a file of {"author", "text"} lines (that of judge.passages); a question's is the one whose name its prompt holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import Cell, Contribution, ModelResult, Outcome, Rate, Split
from .reading import RECOVERY, ResultsError
from .statistics import rate
from .text import DASH

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
FACTS = "contains_entity"  # the judge of facts that stands beside the judge of style
FOLDS = 5
MODELS = ("target", "unlearned")


def read_passages(path: Path) -> list[tuple[str, str]]:
    """Author and text of every line. Raises ResultsError by file and line; also where there is one author alone."""
    texts = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            author, text = entry["author"], entry["text"]
        except (ValueError, KeyError, TypeError):
            raise ResultsError(f'{path}, line {number}: is no {{"author", "text"}}') from None
        if not (isinstance(author, str) and isinstance(text, str) and author.strip() and text.strip()):
            raise ResultsError(f"{path}, line {number}: author or text is empty")
        texts.append((author, text))
    if len({author for author, _ in texts}) < 2:
        raise ResultsError(f"{path}: one class: a classifier needs texts of two authors or more")
    return texts


def passages_of(cell: Cell) -> Path:
    """Where the program's judge found them."""
    found = re.search(r"^passages = (.+)$", str(cell.attributes.get("config_resolved", "")), re.MULTILINE)
    if found is None or not Path(found[1]).is_file():
        raise ResultsError(f"{cell.path}: names no file of passages that is here: give --passages")
    return Path(found[1])


class Classifier:
    """scikit-learn's logistic regression on character n-grams, an author against all others: what the program's judge `style` computes."""

    def __init__(self, passages: Sequence[tuple[str, str]]) -> None:
        self.authors = sorted({author for author, _ in passages})
        self._labels = np.array([author for author, _ in passages])
        self._texts = [text for _, text in passages]
        self._of = {author: self._pipeline().fit(self._texts, self._labels == author) for author in self.authors}

    @staticmethod
    def _pipeline() -> Any:
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.pipeline import make_pipeline
        except ImportError:
            raise ResultsError("the style classifier is scikit-learn's: pip install 'unpact-results[style]'") from None
        return make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False, use_idf=False), LogisticRegression(C=10, tol=1e-8, max_iter=10_000))

    def probability(self, author: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """P(author) of each text; 0 for an empty one, which is nobody's."""
        if not texts:
            return np.zeros(0)
        found = self._of[author].predict_proba(texts)[:, 1]
        return np.where([bool(text.strip()) for text in texts], found, 0.0)

    def cross_validated(self, author: str) -> Rate:
        """How often a text is told rightly to be the author's or not, by a classifier that has not seen it: every fifth text is left out in turn."""
        right, is_theirs = 0, self._labels == author
        for fold in range(FOLDS):
            out = np.zeros(len(self._texts), dtype=bool)
            for theirs in (True, False):
                out[np.flatnonzero(is_theirs == theirs)[fold::FOLDS]] = True
            model = self._pipeline().fit([t for t, o in zip(self._texts, out, strict=True) if not o], is_theirs[~out])
            held = [t for t, o in zip(self._texts, out, strict=True) if o]
            right += int(np.sum(model.predict(held) == is_theirs[out])) if held else 0
        return rate(right, len(self._texts))


def author_of(question: str, authors: Sequence[str]) -> str | None:
    """The author whom a prompt names first."""
    named = [(question.index(author), author) for author in authors if author in question]
    return min(named)[1] if named else None


def sentence_lengths(texts: Sequence[str]) -> NDArray[np.int64]:
    """Words of every sentence; a sentence ends in . ! or ? before white space."""
    return np.array([len(s.split()) for text in texts for s in SENTENCE_END.split(text.strip()) if s.split()], dtype=np.int64)


def length_distance(first: Sequence[str], second: Sequence[str]) -> tuple[float, float]:
    """Wasserstein-1 distance (words) and Kolmogorov-Smirnov's D between the sentence lengths of two sets of texts; NaN where one has none."""
    from scipy.stats import ks_2samp, wasserstein_distance

    a, b = sentence_lengths(first), sentence_lengths(second)
    if not len(a) or not len(b):
        return float("nan"), float("nan")
    return float(wasserstein_distance(a, b)), float(ks_2samp(a, b).statistic)


def name_tokens(pieces: Sequence[str], is_candidate: NDArray[np.uint8], name: str) -> NDArray[np.bool_] | None:
    """Of the candidates of a prompt: which hold a character of the name's first occurrence in it; None where it is not there."""
    start = "".join(pieces).find(name)
    if start < 0:
        return None
    ends = np.cumsum([len(piece) for piece in pieces])
    inside = np.array([end > start and end - len(piece) < start + len(name) for end, piece in zip(ends, pieces, strict=True)], dtype=bool)
    return inside[np.asarray(is_candidate, dtype=bool)]


@dataclass(frozen=True)
class Focus:
    """What of an answer the author's name in the prompt carries."""

    share: float  # mean over questions: positive contributions of the name's tokens, of all positive ones
    questions: int  # that have a positive contribution
    with_key: Rate  # questions whose name has a KeyToken


def focus_on_name(cell: Cell, part: Contribution, names: dict[int, str], questions: NDArray[np.intp]) -> Focus:
    """Over the questions that were attributed and whose prompt holds the author's name."""
    shares, keys, asked = [], 0, 0
    for q in questions:
        values = part.contributions[q].astype(np.float64)
        inside = name_tokens(cell.pieces_of(q), cell.is_candidate[q], names[q]) if q in names and len(values) else None
        if inside is None:
            continue
        asked += 1
        keys += bool(part.is_key_token[q][inside].any())
        positive = np.maximum(values, 0)
        if positive.sum() > 0:
            shares.append(positive[inside].sum() / positive.sum())
    return Focus(float(np.mean(shares)) if shares else float("nan"), len(shares), rate(keys, asked))


@dataclass(frozen=True)
class SetStyle:
    """One model's answers to one set."""

    split: Split
    model: str
    author: str
    in_style: Rate  # P(author) >= 1/2
    differ: int  # verdicts of the program's judge of style that are others; -1: it did not judge
    facts: Rate | None  # the answer names the entity; None: no such judge
    facts_in_style: Rate | None  # both
    wasserstein: float  # of sentence lengths, words, between the answers and the author's passages
    ks: float
    own: Focus
    gold: Focus


def style_of(cell: Cell, passages: Sequence[tuple[str, str]], classifier: Classifier | None = None) -> list[SetStyle]:
    """A row a set, author and model."""
    classifier = classifier or Classifier(passages)
    names = {q: author for q, question in enumerate(cell.question) if (author := author_of(question, classifier.authors))}
    if not names:
        raise ResultsError(f"{cell.path}: no question names an author of {', '.join(classifier.authors)}")
    rows = []
    for split in Split:
        for author in classifier.authors:
            questions = np.array([q for q, name in names.items() if name == author and cell.split[q] == split], dtype=np.intp)
            for model in MODELS if len(questions) else ():
                rows.append(_set_style(cell, model, split, author, questions, passages, classifier, names))
    return rows


def _set_style(cell: Cell, model: str, split: Split, author: str, questions: NDArray[np.intp], passages: Sequence[tuple[str, str]], classifier: Classifier,
               names: dict[int, str]) -> SetStyle:
    made: ModelResult = getattr(cell, model)
    answers = [made.answer[q] for q in questions]
    theirs = classifier.probability(author, answers) >= 0.5
    style = made.is_right if cell.deciding_judge == "style" else getattr(cell.judges.get("style"), model, None)
    right = made.is_right if cell.deciding_judge == FACTS else getattr(cell.judges.get(FACTS), model, None)
    facts = None if right is None else np.asarray(right, dtype=bool)[questions]
    wasserstein, ks = length_distance(answers, [text for name, text in passages if name == author])
    return SetStyle(split, model, author, rate(int(theirs.sum()), len(questions)), -1 if style is None else int(np.sum(np.asarray(style, dtype=bool)[questions] != theirs)),
                    None if facts is None else rate(int(facts.sum()), len(questions)), None if facts is None else rate(int((facts & theirs).sum()), int(theirs.sum())), wasserstein, ks,
                    focus_on_name(cell, made.own, names, questions), focus_on_name(cell, made.gold, names, questions))


def _share(value: Rate | None) -> str:
    return DASH if value is None or not value.total else f"{100 * value.value:.1f} % ({value.count}/{value.total})"


def _number(value: float, digits: int = 2) -> str:
    return DASH if np.isnan(value) else f"{value:.{digits}f}"


def markdown(cell: Cell, rows: Sequence[SetStyle]) -> str:
    """Tables of one cell: styles, focus on the author's name, fluency, and what the probes win back."""
    lines = ["| set | author | model | in the author's style | fact right | fact right where in style | sentence length: Wasserstein (words) | KS D |", "|---|---|---|---|---|---|---|---|"]
    lines += [f"| {row.split.name} | {row.author} | {row.model} | {_share(row.in_style)} | {_share(row.facts)} | {_share(row.facts_in_style)} | {_number(row.wasserstein)} | {_number(row.ks)} |"
              for row in rows]
    differ = sum(max(row.differ, 0) for row in rows)
    lines += ["", f"Verdicts of the program's judge of style that differ from scikit-learn's: {differ}." if all(row.differ >= 0 for row in rows) else "The program did not judge style.", ""]
    lines += ["| set | author | model | name's share of own answer | name has a KeyToken | name's share of gold answer | name has a KeyToken |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        parts = [f"{_number(f.share, 3)} ({f.questions}) | {_share(f.with_key)}" for f in (row.own, row.gold)]
        lines.append(f"| {row.split.name} | {row.author} | {row.model} | {' | '.join(parts)} |")
    fluency = {name: m for name, m in cell.metrics.items() if name.startswith(("ngram_entropy", "answer_perplexity"))}
    if fluency:
        lines += ["", "| fluency | target | unlearned |", "|---|---|---|", *(f"| {m.label}, {name.rsplit('_', 1)[1]} | {_number(m.target[0])} | {_number(m.unlearned[0])} |" for name, m in fluency.items())]
    lines += ["", f"Forgotten: {len(cell.where(Outcome.forgotten))} questions.", "", "| probe | won back | floor |", "|---|---|---|"]
    lines += [f"| {probe.label} | {_share(cell.rates.get(RECOVERY + name))} | {_share(cell.rates.get('floor_' + name))} |" for name, probe in cell.probes.items()]
    return "\n".join(lines) + "\n"
