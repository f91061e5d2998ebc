"""Token strips, chosen questions and label placement."""

import numpy as np
import pytest
from synthetic import Recipe, write_cell

from unpact_results import load_cell, strips
from unpact_results.choose import KINDS, asked_for, choose
from unpact_results.dilemma import Point
from unpact_results.scatter import dilemma_scatter
from unpact_results.statistics import rate


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    return load_cell(write_cell(tmp_path_factory.mktemp("strips") / "a.h5", Recipe(destroyed=0.4)))


def columns(made):
    return [column for line in made.lines for column in line]


def test_colours_are_diverging_with_white_zero():
    assert strips.colour(0.0, 1.0) == ("#ffffff", False)
    assert strips.colour(1.0, 1.0) == strips.colour(7.0, 1.0) == ("#1f5fa8", True)
    assert strips.colour(-1.0, 1.0)[0] == "#c9420a"
    assert strips.colour(float("nan"), 1.0)[0] == strips.NOISE


def test_limit_is_round_and_covers_most():
    assert strips.nice_limit(np.array([0.1, -1.2])) == 1.5
    assert strips.nice_limit(np.zeros(3)) == 1.0 and strips.nice_limit(np.array([np.nan])) == 1.0


def test_strips_follow_the_data(cell):
    question = next(c.question for c in choose(cell) if c.kind.startswith("forgotten"))
    made = strips.build(cell, question, "own", 1.0)
    boxes = [column.boxes for column in columns(made) if column.boxes]
    before, after = cell.target.own.contributions[question], cell.unlearned.own.contributions[question]
    assert len(boxes) == len(before)
    for index, (b, a, d) in enumerate(boxes):
        assert b.frame == ("key" if cell.target.own.is_key_token[question][index] else "")
        assert a.frame == ("key" if cell.unlearned.own.is_key_token[question][index] else "")
        if abs(before[index]) > cell.noise_floor:
            assert b.background == strips.colour(float(before[index]), 1.0)[0]
        assert (d.frame == "lost") == (b.frame == "key" and a.frame == "")
    assert made.log_probability[1] == pytest.approx(float(cell.unlearned.own.matrix(question)[0].mean()))


def test_noise_is_grey_never_coloured(cell):
    rows = [(q, i) for q in range(len(cell.question)) for i in np.flatnonzero(np.abs(cell.target.gold.contributions[q]) <= cell.noise_floor)]
    assert rows
    for question, index in rows[:5]:
        box = [column.boxes for column in columns(strips.build(cell, question, "gold", 1.0)) if column.boxes][index][0]
        assert box.background == strips.NOISE and "noise floor" in box.hint


def test_whitespace_and_controls_are_visible():
    assert "".join(p.text for p in strips.shown(" a\n\t\x00\u200b")) == "·a↵⇥[U+0000][U+200B]"
    assert "".join(p.text for p in strips.shown("\u2581the")) == "·the"
    assert strips.shown("")[0].text == "∅"
    assert "202E" in strips.shown("\u202e")[0].text


def test_long_prompts_wrap_and_long_context_is_shortened(cell):
    made = strips.build(cell, 5, "own", 1.0)
    assert len(made.lines) > 3
    assert all(sum(c.width for c in line) <= strips.LINE_WIDTH + strips.TAIL_WIDTH for line in made.lines)
    run = [strips.Column([strips.Piece("x", False)], ())] * 50
    assert "38 context tokens" in "".join(p.text for c in strips._shorten(run) for p in c.pieces)


def test_unattributed_question_has_no_strips(cell):
    cell.unlearned.gold.contributions.offsets[1:] -= cell.unlearned.gold.contributions.offsets[1]
    try:
        assert strips.build(cell, 0, "gold", 1.0) is None
    finally:
        first = len(cell.target.gold.contributions[0])
        cell.unlearned.gold.contributions.offsets[1:] += np.uint64(first)


def test_choice_covers_the_kinds(cell):
    assert [c.kind for c in choose(cell)] == [k for k in KINDS]
    assert [c.question for c in asked_for(cell, [0, 3, 999])] == [0, 3]


def test_crowded_labels_do_not_overlap():
    names = ["ga", "npo", "tv", "rmu", "ga_gd", "ga_kl", "npo_gd", "npo_kl"]
    crowd = [Point(model, "news", name, 1, rate(30 + i, 100), rate(20 + j, 100), rate(30 + i, 100))
             for i, name in enumerate(names) for j, model in enumerate(("llama", "qwen"))]
    figure = dilemma_scatter(crowd)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    assert len(boxes) == 16 + 4
    for number, first in enumerate(boxes):
        frame = figure.axes[0].get_window_extent(renderer)
        assert frame.x0 - 1 <= first.x0 and first.x1 <= frame.x1 + 1 and frame.y0 - 1 <= first.y0 and first.y1 <= frame.y1 + 1
        assert not any(first.overlaps(second) for second in boxes[number + 1 :])


def test_doubtful_verdicts_are_said(tmp_path):
    cell = load_cell(write_cell(tmp_path / "a.h5", Recipe(forget=8, retain=3, attribution="shapley")))
    seen = 0
    for question in range(len(cell.question)):
        boxes = [column.boxes for column in columns(strips.build(cell, question, "gold", 1.0)) if column.boxes]
        for flag, (before, _, difference) in zip(cell.target.gold.is_uncertain[question], boxes, strict=True):
            assert ("noise could turn" in before.hint) == bool(flag) and "noise could turn" not in difference.hint
            seen += int(flag)
    assert seen > 0
