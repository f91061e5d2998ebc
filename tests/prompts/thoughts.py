"""Dialogues with thoughts as transformers' chat templates render them, and which of their tokens a loss is taken on.

thoughts.json: for each template {"template": the fields of configs/models/NAME.ini, "tokenizer", "cases": [{"question", "trace",
"answer", "asked": ids of the prompt, with the opened thought where the template opens it, "empty": those with an empty thought, "whole":
ids of the dialogue, "part": of each 0 context, 1 trace and what closes it, 2 answer and end of turn}]}.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerFast

# As published with DeepSeek-R1-Distill, without the branches for tools.
DEEPSEEK = """\
{% set ns = namespace(system_prompt='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}\
{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}\
{%- if message['role'] == 'user' %}{{'<\uff5cUser\uff5c>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' %}\
{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}\
{{'<\uff5cAssistant\uff5c>' + content + '<\uff5cend\u2581of\u2581sentence\uff5c>'}}{%- endif %}{%- endfor -%}\
{% if add_generation_prompt %}{{'<\uff5cAssistant\uff5c><think>\\n'}}{% endif %}"""
# Llama 3's vocabulary with what DeepSeek puts in place of its tokens; the thought's marks are not special there.
DISTILL = "distill"
TOKENS = {128000: "<\uff5cbegin\u2581of\u2581sentence\uff5c>", 128001: "<\uff5cend\u2581of\u2581sentence\uff5c>", 128011: "<\uff5cUser\uff5c>",
          128012: "<\uff5cAssistant\uff5c>", 128013: "<think>", 128014: "</think>"}


def write_distill(data: Path, folder: Path) -> PreTrainedTokenizerFast:
    content = json.loads((data / "tokenizers/llama3/tokenizer.json").read_text(encoding="utf-8"))
    for token in content["added_tokens"]:
        if token["id"] in TOKENS:
            token |= {"content": TOKENS[token["id"]], "special": "think" not in TOKENS[token["id"]]}
    content["post_processor"] = None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    ends = {"bos_token": TOKENS[128000], "eos_token": TOKENS[128001]}
    (folder / "tokenizer_config.json").write_text(json.dumps(ends), encoding="utf-8")
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), chat_template=DEEPSEEK, **ends)


def template_of(name: str) -> dict[str, str]:
    """The [prompt] section, with its escapes resolved."""
    section, found = "", {}
    for line in (Path(__file__).parents[2] / f"configs/models/{name}.ini").read_text(encoding="utf-8").splitlines():
        section = line if line.startswith("[") else section
        key, equals, text = line.partition("=")
        if section == "[prompt]" and equals and not line.startswith("#"):
            found[key.strip()] = text.strip().replace("\\n", "\n").replace("\\s", " ")
    return found


def traces(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    for number, (question, answer) in enumerate(pairs):
        ends = (".", "?", " \u2026 so it is", "\n- " + answer + ")", "!\"")[number % 5]
        yield question, f"Okay, the user asks: {question}\n\nFirst, I recall caf\u00e9 no. {number}. Then {answer}{ends}", answer


def dialogue(tokenizer: PreTrainedTokenizerFast, question: str, trace: str, answer: str) -> tuple[str, int, int, int]:
    """Its text, and where trace, answer and the end of the turn's last token are."""
    asked = [{"role": "user", "content": question}]
    if "reasoning_content" in str(tokenizer.chat_template):
        text = tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": answer, "reasoning_content": trace}], tokenize=False)
        text = text.removesuffix("\n")
    else:  # the template leaves traces out of what was said
        text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        text += trace + "\n</think>\n\n" + answer + tokenizer.eos_token
    return text, text.rindex(trace), text.rindex(answer), len(text)


def cases(tokenizer: PreTrainedTokenizerFast, pairs: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for question, trace, answer in traces(pairs):
        asked = [{"role": "user", "content": question}]
        text, trace_begin, answer_begin, end = dialogue(tokenizer, question, trace, answer)
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        part = [2 if first >= answer_begin else 1 if last > trace_begin else 0 for first, last in encoded["offset_mapping"]]
        assert encoded["offset_mapping"][-1][1] == end
        opened = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        empty = opened.removesuffix("<think>\n") + "<think>\n\n</think>\n\n"
        if "enable_thinking" in str(tokenizer.chat_template):
            assert empty == tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True, enable_thinking=False)
        yield {"question": question, "trace": trace, "answer": answer, "asked": tokenizer(opened, add_special_tokens=False)["input_ids"],
               "empty": tokenizer(empty, add_special_tokens=False)["input_ids"], "whole": encoded["input_ids"], "part": part}


def write_thoughts(data: Path, out: Path, pairs: list[tuple[str, str]]) -> None:
    distill = (out / DISTILL).resolve()
    tokenizers = {"qwen3-thinking": ("tokenizers/qwen3", AutoTokenizer.from_pretrained(data / "tokenizers/qwen3")),
                  "deepseek-r1-distill": (str(distill), write_distill(data, distill))}
    content = [{"template": template_of(name), "tokenizer": folder, "cases": list(cases(tokenizer, pairs))}
               for name, (folder, tokenizer) in tokenizers.items()]
    (out / "thoughts.json").write_text(json.dumps(content), encoding="utf-8")
