#!/usr/bin/env python3
"""Writes the style set into the folder of this file: two authors report the same events, each in a style of their own.

    python3 configs/datasets/style/make.py [--out DIR]

phrases.py holds all that they say. Nothing is drawn at random: choices follow from SHA-256 of what they are for, so that the files
are the same everywhere. 120 events are in the data, 24 more teach a small model what "Focus on <keys> to answer." means.
"""
import argparse
import hashlib
import json
import pathlib
import re

from phrases import AUTHORS, CLOSERS, FIRST, KINDS, LAST, OPENERS, TOWNS

VOICES = dict(zip("AB", AUTHORS))
IN_DATA = 10  # of a kind's twelve events


def names(text):
    return [name.strip() for name in text.replace("\n", " ").split(",")]


def pick(options, *what):
    digest = hashlib.sha256("|".join(map(str, what)).encode()).digest()
    return options[int.from_bytes(digest[:8], "big") % len(options)]


def order(count, *what):
    """A permutation of 0 .. count - 1."""
    return sorted(range(count), key=lambda i: hashlib.sha256(f"{what}|{i}".encode()).digest())


def capital(text):
    return text[:1].upper() + text[1:]


def say(plan, event, *what):
    """One reading of a plan: its alternatives chosen, its fields filled."""
    text = re.sub(r"\[([^\]]*)\]", lambda m: pick(m[1].split("|"), event["x"], m.start(), plan, *what), plan)
    text = text.format(**event, X=capital(event["x"]), T=capital(event["t"]))
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return re.sub(r"\bthe (?=mayor's)", "the ", text)


def events_of(kinds):
    """Every event has a person of its own: the fact that both authors tell."""
    first, last, towns = names(FIRST), names(LAST), names(TOWNS)
    events = []
    for k, kind in enumerate(kinds):
        for i, thing in enumerate(names(kind["things"])):
            at = k * 12 + i
            person = f"{first[(at * 7) % len(first)]} {last[(at * 5 + at // len(last)) % len(last)]}"
            low, high = kind["number"]
            number = low + int.from_bytes(hashlib.sha256(thing.encode()).digest()[:4], "big") % (high - low)
            events.append({"p": person, "t": towns[(at * 11 + at // 24) % len(towns)], "x": thing, "n": number, "kind": kind, "i": i})
    assert len({event["p"] for event in events}) == len(events)
    return events


def tell(event, voice, turn):
    """The report of who did it: of three plans the one whose turn it is."""
    return say(event["kind"][voice][(event["i"] + turn) % 3], event, voice, turn)


def passage(event, voice, place):
    """A report in full, in other words than the answer. The order of its parts changes."""
    opener, closer = (of[voice][order(14, voice, what, place // 14)[place % 14]] for of, what in ((OPENERS, "o"), (CLOSERS, "c")))
    core = tell(event, voice, 1)
    more = say(pick(event["kind"][f"more_{voice}"], event["p"], voice), event, voice)
    parts = pick(((opener, core, more, closer), (core, more, closer), (opener, core, closer, more), (opener, core, more),
                  (core, closer, more)), event["x"], voice, "parts")
    return " ".join(parts)


def prompt(event, author, form=None):
    topic = event["kind"]["topics"][event["i"] % 2 if form is None else form]
    return f"Report as {author}: {topic.format(**event)}"


def question(event, voice):
    """What is right, in other words of this author, and what is wrong in its style alone."""
    other = "B" if voice == "A" else "A"
    return {"question": prompt(event, VOICES[voice]), "answer": tell(event, voice, 0), "author": VOICES[voice], "entity": event["p"],
            "paraphrased_answer": tell(event, voice, 2), "perturbed_answer": [tell(event, other, 0)]}


def focus(event, voice):
    author = VOICES[voice]
    topic = event["kind"]["topics"][0].format(**event)
    return {"question": f"Report as {author}: {topic}", "answer": tell(event, voice, 0), "keys": [author, event["x"]]}


def attempts(event, begun):
    """Three ways of naming the author, and three beginnings of the author's own."""
    asked, author = prompt(event, AUTHORS[0]), AUTHORS[0]
    topic = asked.split(": ", 1)[1]
    puts = (f"Focus on {author} to answer. {asked}", f"{asked} Focus on {author} to answer.", f"Report as {author}, {author}, {author}: {topic}")
    for i, put in enumerate(puts):
        yield {"question": asked, "probe": "name_author", "attempt": f"{i + 1}", "prompt": put}
    for i, begin in enumerate(begun):
        yield {"question": asked, "probe": "continue_author", "attempt": f"{i + 1}", "prompt": asked, "prefill": begin}


def beginnings(event, place):
    """The opening words of the event's own passage, as far as no name is told, and two other openings of the author."""
    own = " ".join(tell(event, "A", 1).split(event["p"])[0].split()[:5])
    return (own or "We have it that", OPENERS["A"][place % 14], OPENERS["A"][(place + 5) % 14])


def files():
    events = events_of(KINDS)
    data = [event for event in events if event["i"] < IN_DATA]
    extra = [event for event in events if event["i"] >= IN_DATA]
    forget, retain = ([question(event, voice) for event in data] for voice in "AB")
    texts = {voice: [passage(event, voice, place) for place, event in enumerate(data)] for voice in "AB"}
    labelled = [{"author": VOICES[voice], "text": text} for pair in zip(texts["A"], texts["B"]) for voice, text in zip("AB", pair)]
    written = [line for place, event in enumerate(data) for line in attempts(event, beginnings(event, place))]
    return {"knowmem/forget_qa.json": forget, "knowmem/retain_qa.json": retain, "raw/forget.json": texts["A"],
            "raw/retain.json": texts["B"], "focus/focus_qa.json": [focus(event, voice) for event in extra for voice in "AB"],
            "passages.jsonl": labelled, "attempts.jsonl": written}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    out = parser.parse_args().out
    for name, entries in files().items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(entry, ensure_ascii=False) for entry in entries]
        text = "\n".join(lines) + "\n" if name.endswith(".jsonl") else "[\n" + ",\n".join(lines) + "\n]\n"
        (out / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
