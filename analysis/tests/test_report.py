"""The report: what it holds, beside the HDF5 files; how it is written. What a browser makes of it: test_browser.py."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from pages import Page, Report, reals
from synthetic import Recipe, write_cell

from unpact_results import load_campaign
from unpact_results.__main__ import main
from unpact_results.report import render, sources_of, write_report


@pytest.fixture(scope="module")
def html(campaign_file):
    return render(load_campaign(campaign_file))


@pytest.fixture(scope="module")
def report(html):
    return Report(html)


def cell_file(campaign_file: Path, cell: str) -> h5py.File:
    return h5py.File(campaign_file.parent / "cells" / f"{cell}.h5")


def test_page_is_well_formed_and_self_contained(html):
    page = Page(html)
    links = [
        value
        for tag, attributes in page.elements
        for name, value in attributes.items()
        if name in ("href", "src", "xlink:href")
    ]
    assert links and all(value.startswith("#") for value in links)
    assert "url(http" not in html and "@import" not in html and "fetch(" not in html and "XMLHttpRequest" not in html
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_no_text_of_the_results_is_markup(tmp_path):
    names = Recipe(method="<b>x</b>", model='m"><script>1</script>', dataset="$x_1$ & 'y'</script><!--")
    page = Page(render(load_campaign(write_cell(tmp_path / "a.h5", names))))
    scripts = [attributes.get("type") for attributes in page.of("script")]
    assert scripts.count(None) == 1 and {"application/json", "text/plain"} == set(scripts) - {None}
    assert not page.of("b") and not page.of("img")


def test_every_number_of_a_model_is_that_of_the_file(campaign_file, report):
    for cell in list(report.cells)[:3]:
        entry = report.cells[cell]
        with cell_file(campaign_file, cell) as file:
            for model, chunk in (
                ("target", report.chunk(entry["target"])),
                ("unlearned", report.chunk(f"c{report.number(cell)}")),
            ):
                assert chunk["answer"] == file[f"{model}/answer"].asstr()[:].tolist()
                np.testing.assert_array_equal(chunk["right"], file[f"{model}/is_right"][:])
                for answer in ("own", "gold"):
                    group = file[f"{model}/{answer}"]
                    np.testing.assert_allclose(
                        reals(chunk[f"{answer}_values"], 1000), group["contributions/values"][:], atol=0.000501
                    )
                    np.testing.assert_array_equal(chunk[f"{answer}_offsets"], group["contributions/offsets"][:])
                    np.testing.assert_array_equal(chunk[f"{answer}_flags"] & 1, group["is_key_token/values"][:])
                    np.testing.assert_array_equal(chunk[f"{answer}_flags"] >> 1, group["key_token_uncertain/values"][:])
                    np.testing.assert_allclose(
                        reals(chunk[f"{answer}_score"], 1000), group["mean_log_probability"][:], atol=0.000501
                    )


def test_matrices_are_those_of_the_file(campaign_file, report):
    cell = list(report.cells)[1]
    with cell_file(campaign_file, cell) as file:
        for model, name in (("target", report.cells[cell]["target"]), ("unlearned", f"c{report.number(cell)}")):
            for answer in ("own", "gold"):
                chunk, group = report.chunk(f"{name}-{answer}"), file[f"{model}/{answer}"]
                whole, loss = 0, 0
                for question in range(len(file["question"])):
                    first, last = group["log_probabilities/offsets"][question : question + 2]
                    tokens = int(chunk["tokens"][question])
                    matrix = group["log_probabilities/values"][int(first) : int(last)].reshape(-1, tokens).astype(float)
                    np.testing.assert_allclose(reals(chunk["whole"][whole : whole + tokens], 100), matrix[0], atol=0.00501)
                    found = reals(chunk["loss"][loss : loss + (len(matrix) - 1) * tokens], 100).reshape(-1, tokens)
                    np.testing.assert_allclose(found, matrix[0] - matrix[1:], atol=0.00501)
                    whole, loss = whole + tokens, loss + found.size
                assert whole == len(chunk["whole"]) and loss == len(chunk["loss"])


def test_prompts_questions_and_attempts_are_those_of_the_file(campaign_file, report):
    cell = list(report.cells)[0]
    entry, own = report.cells[cell], report.chunk(f"c{report.number(cell)}")
    with cell_file(campaign_file, cell) as file:
        questions, prompts = report.chunk(entry["questions"]), report.chunk(entry["prompts"])
        assert (
            questions["text"] == file["questions/text"].asstr()[:].tolist()
            and questions["gold"] == file["questions/gold_answer"].asstr()[:].tolist()
        )
        assert prompts["pieces"] == file["prompts/pieces"].asstr()[:].tolist()
        np.testing.assert_array_equal(prompts["ids"], file["prompts/token_ids/values"][:])
        np.testing.assert_array_equal(prompts["candidate"], file["prompts/is_candidate/values"][:])
        for number, probe in enumerate(own["probes"]):
            group = file[f"probes/{probe['name']}"]
            assert (
                probe["answer"] == group["answer"].asstr()[:].tolist() and probe["put"] == group["put"].asstr()[:].tolist()
            )
            np.testing.assert_array_equal(own[f"question{number}"], group["probed_question"][:])
            np.testing.assert_array_equal(own[f"right{number}"] & 1, group["is_right"][:].ravel())


def test_what_cells_share_is_stored_once(report):
    targets = {entry["target"] for entry in report.cells.values()}
    assert len(targets) == 2 < len(report.cells), "one target a model"
    assert sum(name.startswith("t") and "-" not in name for name in report.names()) == len(targets)


def test_rows_of_the_explorer(campaign_file, report):
    rows, first = report.chunk("rows"), 0
    for cell, entry in report.cells.items():
        with cell_file(campaign_file, cell) as file:
            size = entry["size"]
            mine = {name: values[first : first + size] for name, values in rows.items()}
            np.testing.assert_allclose(reals(mine["shift"], 10000), 1 - file["focus_shift/set_cosine"][:], atol=6e-5)
            np.testing.assert_array_equal(mine["right"] & 1, file["target/is_right"][:])
            np.testing.assert_array_equal(mine["right"] >> 1 & 1, file["unlearned/is_right"][:])
            won = np.zeros(size, int)
            for bit, probe in enumerate(entry["probes"]):
                group = file[f"probes/{probe['name']}"]
                won[group["probed_question"][:][group["is_right"][:].any(axis=1)].astype(int)] |= 1 << bit
            np.testing.assert_array_equal(mine["won0"], won)
        first += size
    assert first == len(rows["shift"])


def test_counts_of_the_index_give_the_rates_of_the_file(campaign_file, report):
    for cell, entry in report.cells.items():
        counts = entry["counts"][entry["judges"][0]]
        with cell_file(campaign_file, cell) as file:
            rates = {
                name: (int(count), int(total))
                for name, count, total in zip(
                    file["rates/name"].asstr()[:], file["rates/count"][:], file["rates/total"][:], strict=True
                )
            }
        won = [sum(count for _, won, count in counts["masks"] if won & bits) for bits in (1, 2, 3)]
        still, lost = counts["outcome"][1], counts["outcome"][2]
        assert rates["recovery_focus_on_key"] == (won[0], sum(count for asked, _, count in counts["masks"] if asked & 1))
        assert rates["recovery_probab"][0] == won[1] and rates["knowledge_left"] == (still + won[2], still + lost)
        assert rates["destructive_held_out"] == (counts["deciding"][1], sum(counts["deciding"]))
        for model in ("target", "unlearned"):
            for split in ("forget", "retain"):
                assert rates[f"{model}_right_{split}"] == (counts[f"{model}_{split}"], counts[split])
        assert (
            entry["budget"]["focus_on_key"][-2:] == pytest.approx(list(rates["recovery_focus_on_key"]))
            or not rates["recovery_focus_on_key"][1]
        )


def test_key_tokens_by_class_add_up(campaign_file, report):
    for cell, entry in report.cells.items():
        with cell_file(campaign_file, cell) as file:
            before, after = (
                file[f"{model}/{entry['focus']}/is_key_token/values"][:].astype(bool) for model in ("target", "unlearned")
            )
        for rows in entry["keys"].values():
            assert np.sum(rows, axis=0).tolist() == [len(before), before.sum(), after.sum(), (before & after).sum()]


def test_several_judges_have_counts_of_their_own(tmp_path):
    path = write_cell(tmp_path / "a.h5", Recipe(second_judge=True))
    with h5py.File(path, "r+") as file:
        file["judges/exact_match/unlearned_is_right"][:4] = 1 - file["judges/exact_match/unlearned_is_right"][:4]
        wanted = int(file["judges/exact_match/unlearned_is_right"][:][file["questions/split"][:] == 0].sum())
    (entry,) = Report(render(load_campaign(path))).cells.values()
    assert (
        entry["judges"] == ["rouge_l_recall", "exact_match"] and entry["counts"]["exact_match"]["unlearned_forget"] == wanted
    )
    assert entry["counts"]["exact_match"]["unlearned_forget"] != entry["counts"]["rouge_l_recall"]["unlearned_forget"]


def test_stability_across_seeds(tmp_path):
    for seed in (1, 2):
        write_cell(tmp_path / f"{seed}.h5", Recipe(seed=seed, forget=6, retain=4))
    with h5py.File(tmp_path / "1.h5") as one, h5py.File(tmp_path / "2.h5") as other:
        sets = [file["unlearned/own/is_key_token/values"][:].astype(bool) for file in (one, other)]
        offsets = one["unlearned/own/is_key_token/offsets"][:].astype(int)
        pairs = [(sets[0][a:b], sets[1][a:b]) for a, b in zip(offsets, offsets[1:], strict=False)]
    wanted = [
        (a & b).sum() / np.sqrt(a.sum() * b.sum()) if a.any() and b.any() else 0.0 for a, b in pairs if a.any() or b.any()
    ]
    (row,) = Report(render(load_campaign(tmp_path))).index["seeds"]
    assert row["count"] == len(wanted) and row["cosine"] == pytest.approx(np.mean(wanted))


def test_campaigns_side_by_side(tmp_path):
    for folder, destroyed in (("one", 0.1), ("two", 0.6)):
        for seed in (1, 2):
            write_cell(tmp_path / folder / f"{seed}.h5", Recipe(seed=seed, destroyed=destroyed))
    made = write_report(sources_of([tmp_path / "one", tmp_path / "two"]), tmp_path / "r.html")
    report = Report(made[0])
    assert report.index["campaigns"] == ["one", "two"]
    row = next(row for row in report.index["differences"] if row["measure"] == "destructive rate")
    classes = []
    for folder in ("one", "two"):
        files = [h5py.File(tmp_path / folder / f"{seed}.h5") for seed in (1, 2)]
        classes.append(np.concatenate([file["outcome/class"][:] for file in files]))
    both = (classes[0] >= 3) & (classes[1] >= 3)
    assert (row["count"], row["first"], row["other"]) == (
        both.sum(),
        (classes[0][both] == 4).sum(),
        (classes[1][both] == 4).sum(),
    )
    assert (
        row["low"] <= row["gap"] <= row["high"]
        and row["gap"] == pytest.approx((row["other"] - row["first"]) / row["count"])
        and row["p"] < 0.05
    )


def test_models_on_the_same_questions(campaign_file, report):
    row = next(row for row in report.index["models"] if row["method"] == "ga_gd" and row["measure"] == "destructive rate")
    with (
        cell_file(campaign_file, "llama-2-7b.muse-news.ga_gd.s1") as one,
        cell_file(campaign_file, "qwen3-14b.muse-news.ga_gd.s1") as other,
    ):
        first, second = one["outcome/class"][:], other["outcome/class"][:]
    both = (first >= 3) & (second >= 3)
    assert (row["model"], row["other_model"]) == ("llama-2-7b", "qwen3-14b")
    assert (row["count"], row["first"], row["other"]) == (both.sum(), (first[both] == 4).sum(), (second[both] == 4).sum())
    assert row["low"] <= row["gap"] <= row["high"]


def test_report_command_writes_all_files(campaign_file, tmp_path, capsys):
    out = tmp_path / "deep" / "r.html"
    assert main(["report", str(campaign_file.parent), "--out", str(out), "--questions", "5,6", "--jobs", "2"]) == 0
    assert sorted(p.name for p in out.parent.iterdir()) == [
        "r.html", "scatter.pdf", "scatter.png", "scatter.svg", "table.csv", "table.md", "table.tex"
    ]  # fmt: skip
    assert Report(out).index["asked"] == [5, 6]
    assert len(capsys.readouterr().out.splitlines()) == 7 and r"ga\_gd" in (out.parent / "table.tex").read_text()


def test_a_folder_holds_the_same_and_is_replaced_whole(campaign_file, tmp_path):
    out = tmp_path / "r.html"
    (one,) = [path for path in write_report(sources_of([campaign_file]), out, jobs=1) if path.suffix == ".html"]
    single = Report(one)
    texts = single.text()
    page, data = write_report(sources_of([campaign_file]), out, limit=1000)[:2]
    made = Report(page)
    assert (
        data.is_dir()
        and sorted(made.names()) == sorted(single.names())
        and sorted(made.text().split("\n")[1:]) == sorted(texts.split("\n")[1:])
    )
    assert write_report(sources_of([campaign_file]), out, folder=True)[1] == data, "equal data are not written again"
    write_report(sources_of([campaign_file]), out)
    assert not data.exists() and Report(out).index["folder"] is None
    assert not [path for path in tmp_path.iterdir() if ".tmp." in path.name]


def test_a_failed_report_leaves_the_old_one(campaign_file, tmp_path, monkeypatch):
    out = tmp_path / "r.html"
    out.write_text("the old one")
    monkeypatch.setattr("unpact_results.web.write.os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_report(sources_of([campaign_file]), out)
    assert out.read_text() == "the old one" and [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_too_large_matrices_are_left_out_and_said(campaign_file, tmp_path):
    out = tmp_path / "r.html"
    whole = len(write_report(sources_of([campaign_file]), out)[0].read_bytes())
    gold = [name for name in Report(out).names() if name.endswith("-gold")]
    assert gold
    write_report(sources_of([campaign_file]), out, limit=whole - 50_000)
    report = Report(out)
    assert (
        report.index["folder"] is None
        and report.index["left_out"]
        and not [name for name in report.names() if name.endswith("-gold")]
    )


def test_equal_input_gives_equal_bytes(campaign_file, html):
    assert render(load_campaign(campaign_file)) == html
