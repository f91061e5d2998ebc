"""The style set is what its maker writes, and what its README says of it."""
import json
import re
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "datasets" / "style"
OLD_WORDS = re.compile(r"\b(upon|ere|whilst|there(of|on)|where(in|on)|hath|unto|betwixt|thee|ye|nigh|did|we|us|our|naught|t(was|is)|\w+eth)\b|;", re.IGNORECASE)
MOST_ALIKE = 0.75  # of the words of two passages of an author


def load(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else json.loads(text)


def words(text):
    return Counter(re.findall(r"[\w']+", text.lower()))


def test_the_files_are_what_the_maker_writes(tmp_path):
    subprocess.run([sys.executable, str(FOLDER / "make.py"), "--out", str(tmp_path)], check=True)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.json*"))
    assert made == sorted(path.relative_to(FOLDER) for path in FOLDER.rglob("*.json*"))
    for path in made:
        assert (tmp_path / path).read_bytes() == (FOLDER / path).read_bytes(), path


def test_both_authors_tell_the_same_facts_in_their_own_words():
    forget, retain = load("knowmem/forget_qa.json"), load("knowmem/retain_qa.json")
    assert len(forget) == len(retain) == 120
    for one, other in zip(forget, retain):
        assert one["question"].replace(one["author"], other["author"]) == other["question"]
        assert one["entity"] == other["entity"] and one["perturbed_answer"] == [other["answer"]]
        for entry in (one, other):
            assert all(entry["entity"] in text for text in (entry["answer"], entry["paraphrased_answer"], *entry["perturbed_answer"]))
            assert entry["entity"] not in entry["question"]
    assert len({entry["question"] for entry in forget}) == len({entry["entity"] for entry in forget}) == 120


def test_styles_differ_and_no_two_reports_are_alike():
    texts = {"Osric Vellamy": load("raw/forget.json"), "Dab Rusk": load("raw/retain.json")}
    assert load("passages.jsonl") == [{"author": author, "text": texts[author][i]} for i in range(120) for author in texts]
    lengths = {author: statistics.mean(len(s.split()) for text in of for s in re.split(r"(?<=[.!?])\s+", text)) for author, of in texts.items()}
    assert lengths["Osric Vellamy"] > 3 * lengths["Dab Rusk"]
    assert all(OLD_WORDS.search(text) for text in texts["Osric Vellamy"])
    old = {author: sum(len(OLD_WORDS.findall(text)) for text in of) for author, of in texts.items()}
    assert old["Osric Vellamy"] > 20 * old["Dab Rusk"]
    for of in texts.values():
        bags = [words(text) for text in of]
        for i, bag in enumerate(bags):
            for other in bags[:i]:
                assert (bag & other).total() <= MOST_ALIKE * min(bag.total(), other.total())
