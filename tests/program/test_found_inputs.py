"""Data files and models as they are found: other spellings are read, what does not fit is named before work."""
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from unpact_program import LLAMA, ROOT, Program, write_dataset, write_json

sys.path.insert(0, str(ROOT / "tests/prompts"))

TRAIN = ["--finetune.max_steps", "1", "--finetune.batch_size", "2", "--finetune.micro_batch", "2"]


@pytest.mark.parametrize("levels", [("rwku_forget_level2.json", "rwku_neighbor_level1.json")])
def test_rwku_s_files_are_read_as_published(unpact: Program, levels: tuple[str, str]) -> None:
    folder = Path(os.environ.get("UNPACT_TEST_DATA") or "none") / "rwku"
    if not folder.exists():
        pytest.skip("UNPACT_TEST_DATA is not set")
    said = unpact.well("inspect", "dataset", folder / levels[0], "--dataset.kind", "tofu", "--dataset.retain_path", folder / levels[1],
                       "--dataset.question_field", "query")
    counts = [len(json.loads((folder / level).read_text())) for level in levels]
    assert f"{counts[0]}, 0 in-context" in said.out and f"{counts[1]}, 0 in-context" in said.out, said.out
    assert "holds a JSON list, where JSON lines are usual" in said.out + said.err


def test_answers_as_letters_and_a_question_in_both_sets(unpact: Program, tmp_path: Path) -> None:
    rows = [{"stem": f"Which {n}?", "options": ["a", "b", "c", "d"], "key": "C"} for n in range(3)]
    (tmp_path / "bio.json").write_text("\n".join(map(json.dumps, rows)))
    said = unpact.well("inspect", "dataset", tmp_path / "bio.json", "--dataset.kind", "wmdp", "--dataset.retain_path", tmp_path / "bio.json",
                       "--dataset.question_field", "stem", "--dataset.answer_field", "key", "--dataset.choices_field", "options",
                       "--dataset.answer_form", "letter")
    assert "Which 0? -> C" in said.out and "3 questions are in the forget set and in the retain set" in said.out, said.out


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_an_example_beyond_the_context_is_named_refused_left_out_or_cut(unpact: Program, home: Path, tmp_path: Path, architecture: str) -> None:
    data = write_dataset(tmp_path / "data")
    file = data / "knowmem/forget_qa.json"
    entries = json.loads(file.read_text())
    entries[2]["answer"] = " ".join(str(n * 7919 % 10007) for n in range(120))
    file.write_text(json.dumps(entries))
    small = LLAMA | {"max_position_embeddings": 128} if architecture == "llama" else {
        "model_type": "gpt2", "vocab_size": 400, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "bos_token_id": 1, "eos_token_id": 2}
    write_json(tmp_path / "small/config.json", small)
    common = ["finetune", "--config", home / "configs/finetune.ini", "--dataset.path", data, "--model.config", tmp_path / "small", *TRAIN]
    ended = unpact(*common, "--output", tmp_path / "refused")
    assert ended.code == 1 and "forget_qa.json, entry 3: an example of" in ended.message() and "holds 128" in ended.message()
    left_out = unpact.well(*common, "--dataset.skip_long", "true", "--output", tmp_path / "left_out")
    assert "1 of 6 examples are longer than the model's 128 positions" in left_out.out + left_out.err
    cut = unpact.well(*common, "--train.long_examples", "cut", "--output", tmp_path / "cut")
    assert "1 of 6 examples are cut to the model's 128 positions" in cut.out + cut.err


def test_recommended_prompts_are_those_of_published_templates_and_found_anywhere(unpact: Program, target: Path, tmp_path: Path) -> None:
    from make_fixtures import CHOICE_FILES, TEMPLATES

    model = Path(shutil.copytree(target, tmp_path / "model"))
    wrong = {}
    for name, (_, template) in TEMPLATES.items():
        if template is None or name in ("llama3.2-instruct", "open-unlearning"):
            continue
        (model / "chat_template.jinja").write_text(template)
        found = json.loads(unpact.well("inspect", "model", model, "--json", "--inspect.quick", "true").out)["chat_template"]["use"]
        if found != CHOICE_FILES.get(name, name):
            wrong[name] = found
    assert not wrong
    said = unpact.well("ask", "--model.path", model, "--model.use", "zephyr", "--prompt", "Who?", "--json", cwd=tmp_path).json_lines()
    assert "user" in "".join(token["piece"] for token in said[0]["prompt_tokens"])
