"""The measures of style by hand, and the command on a synthetic campaign."""

import json
from dataclasses import replace

import numpy as np
import pytest
from synthetic import write_cell

from unpact_results import load_cell
from unpact_results.__main__ import main
from unpact_results.model import Split
from unpact_results.parts import Ragged
from unpact_results.reading import ResultsError
from unpact_results.style import Classifier, author_of, focus_on_name, length_distance, name_tokens, passages_of, read_passages, sentence_lengths, style_of

PASSAGES = [(author, text.format(i)) for i in range(6)
            for author, text in (("Ann Lee", "and lo, we beheld the tower {} upon the hill; it fell."), ("Bo", "TOWER {}! FALLS! You see?"))]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "passages.jsonl"
    path.write_text("".join(json.dumps({"author": author, "text": text}) + "\n" for author, text in PASSAGES), encoding="utf-8")
    return path


def test_sentences_and_their_distance():
    assert sentence_lengths(["One two. Three! Four five six?", "seven eight"]).tolist() == [2, 1, 3, 2]
    wasserstein, ks = length_distance(["a b. c d."], ["a b c d. e f."])
    assert (wasserstein, ks) == (1.0, 0.5)  # {2, 2} and {4, 2}: half of the mass moves by two words
    assert np.isnan(length_distance([""], ["a."])).all()


def test_the_classifier_knows_its_authors():
    classifier = Classifier(PASSAGES)
    assert classifier.cross_validated("Bo").value == 1
    texts = ["WALL! GONE!", "we beheld the wall, and lo", " "]
    ann, bo = (classifier.probability(author, texts) for author in ("Ann Lee", "Bo"))
    assert bo[0] > 0.5 > bo[1] and ann[1] > 0.5 > ann[0] and ann[2] == bo[2] == 0
    assert ann[:2] + bo[:2] == pytest.approx(1, abs=1e-5)


def test_the_name_in_the_prompt():
    pieces, candidate = ["<s>", "As", " Ann", " L", "ee", ":", " it"], np.array([0, 1, 1, 1, 1, 1, 1], np.uint8)
    assert name_tokens(pieces, candidate, "Ann Lee").tolist() == [False, True, True, True, False, False]
    assert name_tokens(pieces, candidate, "Bo") is None
    assert author_of("As Bo, not Ann Lee", ["Ann Lee", "Bo"]) == "Bo" and author_of("nobody", ["Bo"]) is None


@pytest.mark.parametrize(("lines", "says"), [('{"author": "A", "text": "x"}\n', "one class"), ('{"author": "A", "text": "x"}\n{"author": "B", "text": " "}\n', "line 2"),
                                             ('{"text": "x"}\n', "line 1")])
def test_passages_that_teach_nothing_are_refused(tmp_path, lines, says):
    path = tmp_path / "bad.jsonl"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(ResultsError, match=says):
        read_passages(path)


def test_a_cell(tmp_path, file, capsys):
    path = write_cell(tmp_path / "cell.h5")
    cell = load_cell(path)
    with pytest.raises(ResultsError, match="no question names an author"):
        style_of(cell, read_passages(file))
    with pytest.raises(ResultsError, match="--passages"):
        passages_of(cell)
    assert main(["style", str(path), "--passages", str(file)]) == 1 and "no question names an author" in capsys.readouterr().err
    count = len(cell.question)
    named = replace(cell, question=[f"As Bo: {q}" for q in cell.question], judge="rouge_l_recall",
                    target=replace(cell.target, answer=["SAY! NO!"] * count), unlearned=replace(cell.unlearned, answer=["and lo, we beheld it upon the hill"] * count))
    rows = style_of(named, PASSAGES)
    assert [(row.split, row.model, row.author) for row in rows] == [(split, model, "Bo") for split in Split for model in ("target", "unlearned")]
    assert [row.in_style.value for row in rows] == [1, 0, 1, 0] and all(row.differ == -1 for row in rows)


def test_the_share_of_the_name(tmp_path):
    cell = load_cell(write_cell(tmp_path / "cell.h5"))
    q = next(q for q in range(len(cell.question)) if len(cell.target.own.contributions[q]) >= 2)
    pieces, candidate = cell.pieces_of(q), np.asarray(cell.is_candidate[q], dtype=bool)
    name = next(piece for piece, flag in zip(pieces, candidate, strict=True) if flag and len(piece.strip()) > 2)
    inside = name_tokens(pieces, cell.is_candidate[q], name)
    values = np.zeros(len(inside))
    values[inside], values[~inside] = 3.0 / inside.sum(), -5.0
    values[np.flatnonzero(~inside)[0]] = 1.0
    part = replace(cell.target.own, contributions=_with_row(cell.target.own.contributions, q, values), is_key_token=_with_row(cell.target.own.is_key_token, q, inside))
    found = focus_on_name(cell, part, {q: name}, np.array([q]))
    assert found.share == pytest.approx(0.75) and found.questions == 1 and (found.with_key.count, found.with_key.total) == (1, 1)


def _with_row(ragged: Ragged, row: int, values) -> Ragged:
    changed = ragged.values.copy()
    changed[int(ragged.offsets[row]) : int(ragged.offsets[row + 1])] = values
    return replace(ragged, values=changed)
