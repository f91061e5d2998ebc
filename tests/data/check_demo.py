#!/usr/bin/env python3
"""Checks the demonstration data set in configs/datasets/demo.

Run as `python3 tests/data/check_demo.py [FOLDER]`. Prints every entry that is wrong and exits 1 if there is one.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "configs" / "datasets" / "demo"

MIN_ARTICLES = {"raw/forget.json": 24, "raw/retain.json": 24, "raw/holdout.json": 12}
PRIVLEAK = {f"privleak/{name}.json": f"raw/{name}.json" for name in ("forget", "retain", "holdout")}
QUESTIONS = {  # file: least count, greatest count, the articles that hold the answers
    "knowmem/forget_qa.json": (84, 1000, "raw/forget.json"),
    "knowmem/retain_qa.json": (84, 1000, "raw/retain.json"),
    "knowmem/forget_qa_icl.json": (10, 10, "raw/forget.json"),
    "knowmem/retain_qa_icl.json": (10, 10, "raw/retain.json"),
    "focus/focus_qa.json": (72, 1000, None),
}
ARTICLE_WORDS = (90, 150)
MIN_PRIVLEAK = 12
MIN_VERBMEM = 20
MAX_QUESTION_WORDS = 20
MAX_ANSWER_WORDS = 6
MAX_SAME_OPENING = 6
MAX_SAME_ANSWER = 2
MAX_KEYS = 3
FUNCTION_WORDS = {"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "the", "to"}

problems = []


def complain(where, what):
    problems.append(f"{where}: {what}")


def words(text):
    return re.findall(r"\w+", text.lower())


def normal(text):
    return " ".join(words(text))


def load(folder, name):
    """The list in a file, or an empty one after a complaint."""
    try:
        text = (folder / name).read_text(encoding="utf-8")
        value = json.loads(text)
    except (OSError, ValueError) as error:
        complain(name, str(error))
        return []
    if any(line != line.rstrip() for line in text.split("\n")):
        complain(name, "a line ends in a space")
    if not isinstance(value, list):
        complain(name, "is not a list")
        return []
    return value


def is_text(value):
    return isinstance(value, str) and value != "" and value == value.strip()


def has_fields(where, entry, fields):
    if not isinstance(entry, dict) or set(entry) != set(fields):
        complain(where, f"should have exactly the fields {', '.join(fields)}")
        return False
    bad = [field for field in fields if field != "keys" and not is_text(entry[field])]
    for field in bad:
        complain(where, f"{field} should be text, not empty, with no space at its ends")
    return not bad


def check_unique(name, texts, what, most=1):
    for text, count in Counter(normal(text) for text in texts).items():
        if count > most:
            complain(name, f"{what} '{text}' occurs {count} times, {most} allowed")


def check_articles(folder, name, least):
    articles = load(folder, name)
    if len(articles) < least:
        complain(name, f"{len(articles)} articles, at least {least} wanted")
    for index, article in enumerate(articles):
        if not is_text(article):
            complain(f"{name}[{index}]", "should be text")
            continue
        count = len(article.split())
        if not ARTICLE_WORDS[0] <= count <= ARTICLE_WORDS[1]:
            complain(f"{name}[{index}]", f"{count} words, not {ARTICLE_WORDS[0]} to {ARTICLE_WORDS[1]}")
    good = [article for article in articles if is_text(article)]
    check_unique(name, good, "article")
    return good


def supported(answer, articles):
    """Whether one article holds the answer, or at least every content word of it."""
    content = [word for word in words(answer) if word not in FUNCTION_WORDS] or words(answer)
    return any(f" {normal(answer)} " in f" {normal(article)} " or set(content) <= set(words(article))
               for article in articles)


def check_keys(where, entry):
    keys = entry["keys"]
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS or not all(map(is_text, keys)):
        complain(where, f"keys should be 1 to {MAX_KEYS} texts")
        return
    for key in keys:
        if not re.search(rf"(?<!\w){re.escape(key)}(?!\w)", entry["question"]):
            complain(where, f"key '{key}' is no part of the question '{entry['question']}'")
    if len(set(keys)) != len(keys):
        complain(where, "a key occurs twice")


def check_question(where, entry, articles):
    question, answer = entry["question"], entry["answer"]
    if not question.endswith("?"):
        complain(where, f"'{question}' does not end in a question mark")
    if len(question.split()) > MAX_QUESTION_WORDS:
        complain(where, f"'{question}' has more than {MAX_QUESTION_WORDS} words")
    if len(answer.split()) > MAX_ANSWER_WORDS:
        complain(where, f"answer '{answer}' has more than {MAX_ANSWER_WORDS} words")
    if f" {normal(answer)} " in f" {normal(question)} ":
        complain(where, f"'{question}' gives its own answer away")
    if articles is not None and not supported(answer, articles):
        complain(where, f"answer '{answer}' to '{question}' is in no article")


def check_questions(folder, name, least, most, articles):
    entries = load(folder, name)
    if not least <= len(entries) <= most:
        complain(name, f"{len(entries)} questions, {least} to {most} wanted")
    fields = ["question", "answer"] + (["keys"] if articles is None else [])
    good = []
    for index, entry in enumerate(entries):
        where = f"{name}[{index}]"
        if not has_fields(where, entry, fields):
            continue
        good.append(entry)
        check_question(where, entry, articles)
        if articles is None:
            check_keys(where, entry)
    check_unique(name, [entry["question"] for entry in good], "question")
    check_unique(name, [entry["answer"] for entry in good], "answer", MAX_SAME_ANSWER)
    openings = [" ".join(entry["question"].split()[:4]) for entry in good]
    check_unique(name, openings, "question opening", MAX_SAME_OPENING)
    return good


def check_apart(questions, articles):
    """No question in two files; no answer of one set in another set, or in its articles."""
    check_unique("all question files", [e["question"] for q in questions.values() for e in q], "question")
    sets = {"forget": [], "retain": [], "focus": []}
    for name, entries in questions.items():
        sets[re.match(r"\w+/([a-z]+)_", name).group(1)] += [(name, entry) for entry in entries]
    for own, members in sets.items():
        for other in sets:
            if other == own:
                continue
            answers = {normal(entry["answer"]) for _, entry in sets[other]}
            texts = [f" {normal(text)} " for text in articles.get(f"raw/{other}.json", [])]
            for name, entry in members:
                answer = normal(entry["answer"])
                if answer in answers:
                    complain(name, f"answer '{entry['answer']}' is also an answer of the {other} set")
                elif own != "focus" and any(f" {answer} " in text for text in texts):
                    complain(name, f"answer '{entry['answer']}' is also in an article of raw/{other}.json")


def check_privleak(folder, articles):
    for name, source in PRIVLEAK.items():
        texts = load(folder, name)
        if len(texts) < MIN_PRIVLEAK:
            complain(name, f"{len(texts)} texts, at least {MIN_PRIVLEAK} wanted")
        for index, text in enumerate(texts):
            if text not in articles[source]:
                complain(f"{name}[{index}]", f"is no article of {source}")
        check_unique(name, [text for text in texts if is_text(text)], "text")


def check_verbmem(folder, articles):
    name = "verbmem/forget.json"
    entries = load(folder, name)
    if len(entries) < MIN_VERBMEM:
        complain(name, f"{len(entries)} entries, at least {MIN_VERBMEM} wanted")
    whole = {" ".join(article.split()) for article in articles}
    for index, entry in enumerate(entries):
        where = f"{name}[{index}]"
        if not has_fields(where, entry, ["prompt", "gt"]):
            continue
        joined = " ".join(f"{entry['prompt']} {entry['gt']}".split())
        if joined not in whole:
            complain(where, "prompt and gt do not make an article of raw/forget.json")
        share = len(entry["prompt"]) / len(joined)
        if not 0.30 <= share <= 0.40:
            complain(where, f"the prompt is {share:.0%} of the article, not about a third")


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO
    articles = {name: check_articles(folder, name, least) for name, least in MIN_ARTICLES.items()}
    check_unique("raw", [text for texts in articles.values() for text in texts], "article")
    questions = {name: check_questions(folder, name, least, most, articles.get(source) if source else None)
                 for name, (least, most, source) in QUESTIONS.items()}
    check_apart(questions, articles)
    check_privleak(folder, articles)
    check_verbmem(folder, articles["raw/forget.json"])
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"{len(problems)} problems in {folder}", file=sys.stderr)
        return 1
    counts = [f"{name} {len(entries)}" for name, entries in {**articles, **questions}.items()]
    print("ok: " + ", ".join(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
