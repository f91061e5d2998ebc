"""Right answers by a field of the data file."""

import json

import numpy as np
import pytest
from synthetic import write_cell

from unpact_results import load_cell
from unpact_results.__main__ import main
from unpact_results.by_field import groups_of, markdown
from unpact_results.model import Outcome
from unpact_results.reading import ResultsError
from unpact_results.statistics import wilson


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    return load_cell(write_cell(tmp_path_factory.mktemp("by") / "cell.h5"))


@pytest.fixture
def attacks(cell, tmp_path):
    """As RWKU publishes them: a list, the question called `query`."""
    entries = [{"type": f"attack {n % 3}", "answer": "x", "query": text, "subject": "S"} for n, text in enumerate(dict.fromkeys(cell.question))]
    file = tmp_path / "attacks.json"
    file.write_text(json.dumps([*entries, {"query": "It is not asked", "type": "attack 9"}]))
    return file


def test_each_type_has_its_rate(cell, attacks, capsys):
    assert main(["probes", str(cell.path), "--by", str(attacks), "type"]) == 0
    printed = capsys.readouterr().out
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| attack ")]
    assert [row[0] for row in rows] == ["attack 0", "attack 1", "attack 2"]
    for kind, row in enumerate(rows):
        asked = [q for q, text in enumerate(cell.question) if list(dict.fromkeys(cell.question)).index(text) % 3 == kind]
        right = [sum(bool(model.is_right[q]) for q in asked) for model in (cell.target, cell.unlearned)]
        shares = ["{:.3f} ({:.3f} to {:.3f})".format(count / len(asked), *wilson(count, len(asked))) for count in right]
        forgotten = sum(cell.outcome[q] == Outcome.forgotten for q in asked)
        scores = [f"{np.mean([model.score[q] for q in asked]):.3f}" for model in (cell.target, cell.unlearned)]
        assert row == [f"attack {kind}", str(len(asked)), *shares, str(forgotten), *scores]


def test_json_lines_are_read_too(cell, attacks, tmp_path):
    lines = tmp_path / "attacks.jsonl"
    lines.write_text("".join(json.dumps(entry) + "\n" for entry in json.loads(attacks.read_text())))
    assert markdown(cell, lines, "type") == markdown(cell, attacks, "type")
    assert list(groups_of(cell, lines, "subject")) == ["S"]


@pytest.mark.parametrize(("text", "said"), [("[1]", "no object"), ("{", "neither a JSON list"), ('[{"query": "Who?", "type": "a"}]', "none of its entries")])
def test_what_is_no_file_of_the_questions_is_said(cell, tmp_path, text, said):
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(ResultsError, match=said):
        markdown(cell, tmp_path / "file.json", "type")


def test_a_field_that_is_missing_or_double_is_said(cell, attacks):
    with pytest.raises(ResultsError, match=r"entry 1: there is no field 'kind'; it has type, answer, query, subject"):
        markdown(cell, attacks, "kind")
    entries = json.loads(attacks.read_text())
    attacks.write_text(json.dumps([*entries, entries[0] | {"type": "other"}]))
    with pytest.raises(ResultsError, match="with another type"):
        markdown(cell, attacks, "type")
