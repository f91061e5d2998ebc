"""A stand-in for servers of language models: transformers behind the protocols of vLLM, SGLang and OpenAI's older completions.

Written from their documentation for tests and benchmarks, and to try a client without a GPU: python stand_in.py NAME=FOLDER
[NAME=FOLDER ...] [--port=N] [--certificate=PEM] serves any checkpoints that transformers loads as causal language models. It
prints its port, and with a certificate and its key a second one for TLS, and serves until its standard input ends. A path may begin with segments KEY or KEY=VALUE, which make this server misbehave for that
caller (FAULTS below) or, for SGLang, whose requests name no model, say which one answers (`model=NAME`).
"""
import json
import ssl
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch
import transformers

FAULTS = {
    "busy": "the first attempt of every eighth request is answered with 429",
    "broken": "the same with 500",
    "drop": "the connection of such attempts ends in the middle of the answer",
    "reversed": "choices come in reverse, with their right index",
    "mixed": "choices come in reverse, numbered as if they did not",
    "nulls": "log-probabilities are null",
    "silent": "there are no log-probabilities",
    "stale": "every second answer holds numbers of another prompt, as of a cache that was not cleared",
    "html": "a web page answers",
    "short": "no sequence of more than 8 ids is taken",
    "bos": "a BOS is put in front of what is sent",
    "tokens": "text is cut in another way than the model's tokenizer does",
    "key": "key=K: only who sends the bearer token K is answered, and a refusal repeats what was sent",
    "texts": "no ids are taken, one prompt a request, and tokens are named by their texts, as llama-cpp-python does",
    "wait": "wait=S: every request takes S seconds longer, as behind a network and a queue",
    "dies": "dies=N: after N requests for the same path prefix the server answers 503",
}


class Pieces:
    """A folder's tokenizer: the SentencePiece model alone where there is one, else as transformers loads it."""
    def __init__(self, folder: Path) -> None:
        self.model = folder / "tokenizer.model"
        if self.model.exists():
            import sentencepiece
            self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(self.model))
            self.bos = self.pieces.bos_id()
        else:
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            # Not every tokenizer that names a BOS puts one in front of texts (GPT-2).
            self.bos = next(iter([*self.tokenizer("a").input_ids, -1]), -1)
            self.bos = self.bos if self.bos == self.tokenizer.bos_token_id else -1

    def encode(self, text: str) -> list[int]:
        return self.pieces.encode(text) if self.model.exists() else self.tokenizer(text, add_special_tokens=False).input_ids

    def decode(self, ids: list[int]) -> str:
        return self.pieces.decode(ids) if self.model.exists() else self.tokenizer.decode(ids)

    def texts(self, ids: list[int]) -> list[str]:
        """What each id adds to the text of those in front of it; a part of a character adds nothing."""
        whole = [self.decode(ids[:end]).rstrip("\ufffd") for end in range(len(ids) + 1)]
        return [after[len(before):] for before, after in zip(whole, whole[1:])]


class Model:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.net = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.pieces = Pieces(folder)
        ends = self.net.generation_config.eos_token_id
        self.eos = ends if isinstance(ends, list) else [ends]
        self.context = self.net.config.max_position_embeddings

    @torch.inference_mode()
    def log_probabilities(self, sequences: list[list[int]]) -> list[torch.Tensor]:
        """Of every next id after each position, one (S, V) a sequence; batches are padded on the right."""
        longest = max(map(len, sequences))
        batch = torch.tensor([ids + [0] * (longest - len(ids)) for ids in sequences])
        logits = self.net(batch, attention_mask=torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in sequences])).logits
        return [torch.log_softmax(logits[i, :len(ids)].float(), -1) for i, ids in enumerate(sequences)]

    def write(self, prompts: list[list[int]], most: int, sampling: dict, stops: list[int], known: list[torch.Tensor]) -> list[list[int]]:
        """New ids of each prompt, with the id that ended it. @param known log-probabilities of the prompts."""
        dice = torch.Generator().manual_seed(sampling.get("seed", sampling.get("sampling_seed")) or 0)
        temperature, top_p = sampling.get("temperature", 1), sampling.get("top_p", 1)
        answers: list[list[int]] = [[] for _ in prompts]
        running = list(range(len(prompts)))
        for step in range(most):
            if not running:
                break
            rows = known if step == 0 else self.log_probabilities([prompts[i] + answers[i] for i in running])
            for i, row in zip(list(running), rows, strict=True):
                answers[i].append(self.choose(row[-1], temperature, top_p, dice))
                if answers[i][-1] in (*self.eos, *stops):
                    running.remove(i)
        return answers

    @staticmethod
    def choose(row: torch.Tensor, temperature: float, top_p: float, dice: torch.Generator) -> int:
        if temperature == 0:
            return int(row.argmax())
        values, order = torch.softmax(row.double() / temperature, -1).sort(descending=True)
        kept = values.cumsum(0) - values < top_p
        return int(order[torch.multinomial(values * kept, 1, generator=dice)])


class Numbers:
    """Of every id of a sequence but the first: its log-probability and rank, and the likeliest id there."""
    def __init__(self, rows: torch.Tensor, ids: list[int], is_null: bool) -> None:
        rows = rows[:len(ids) - 1]
        own = rows.gather(1, torch.tensor(ids[1:], dtype=torch.long)[:, None])
        top = rows.max(1)
        self.values = [None] * len(ids) if is_null else [None, *own[:, 0].tolist()]
        self.ranks = [0, *((rows > own).sum(1) + 1).tolist()]
        self.tops, self.top_ids = [0.0, *top.values.tolist()], [0, *top.indices.tolist()]


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Speaker(BaseHTTPRequestHandler):
    """One connection."""
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one piece
    disable_nagle_algorithm = True
    models: dict[str, Model] = {}
    lock = threading.Lock()  # of what follows
    work = threading.Lock()  # one request at a time: threads of Python that compute wait for each other longer than they work
    attempts: Counter = Counter()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.take()
        if "html" in self.faults:
            return self.send(200, b"<!doctype html><html><body>It works!</body></html>", "text/html")
        self.answer(self.list_models)

    def do_POST(self) -> None:
        self.take()
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        is_new = self.count(("once", self.prefix, raw)) == 1
        first = is_new and self.count(("new", self.prefix)) % 8 == 1
        if "busy" in self.faults and first:
            return self.send(429, b"too many requests", headers={"Retry-After": "0"})
        if "broken" in self.faults and first:
            return self.send(500, b"internal error")
        if "dies" in self.faults and self.count(("dies", self.prefix)) > int(self.faults["dies"]):
            return self.send(503, b"shutting down")
        time.sleep(float(self.faults.get("wait", 0)))
        self.is_odd = self.count(("calls", self.prefix)) % 2 == 1
        speak = self.speak_sglang if self.place == "/generate" else self.speak_completions
        self.answer(lambda: speak(json.loads(raw)), cut="drop" in self.faults and first)

    def count(self, what: tuple) -> int:
        with self.lock:
            self.attempts[what] += 1
            return self.attempts[what]

    def take(self) -> None:
        """Splits the path in faults and the protocol's own."""
        parts = self.path.strip("/").split("/")
        self.faults: dict[str, str] = {}
        while parts and (parts[0].split("=")[0] in FAULTS or parts[0].startswith(("model=", "run="))):
            key, _, value = parts.pop(0).partition("=")
            self.faults[key] = value
        self.place = "/" + "/".join(parts)
        self.prefix = self.path[:-len(self.place)]

    def answer(self, make: object, cut: bool = False) -> None:
        try:
            wanted = self.faults.get("key")
            if wanted is not None and self.headers.get("Authorization") != f"Bearer {wanted}":
                raise Refusal(401, f"no such key: {self.headers.get('Authorization')}")
            with self.work:
                body = json.dumps(make()).encode()
            self.send(200, body, cut=cut)
        except Refusal as refusal:
            self.send(refusal.status, json.dumps({"error": {"message": str(refusal)}}).encode())

    def send(self, status: int, body: bytes, kind: str = "application/json", headers: dict[str, str] | None = None, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[:len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def list_models(self) -> dict:
        if self.place != "/v1/models":
            raise Refusal(404, "no such place")
        return {"object": "list", "data": [{"id": name, "object": "model", "root": str(model.folder.name), "max_model_len": model.context}
                                           for name, model in self.models.items()]}

    def ids_of(self, model: Model, prompt: object, wants_bos: bool = False) -> list[int]:
        if isinstance(prompt, str):
            ids = model.pieces.encode(prompt)
            ids = ids[::-1] if "tokens" in self.faults else ids
            return [model.pieces.bos, *ids] if wants_bos and model.pieces.bos >= 0 else ids
        ids = [model.pieces.bos, *prompt] if "bos" in self.faults else list(prompt)
        longest = 8 if "short" in self.faults else model.context
        if len(ids) >= longest + 1:
            raise Refusal(400, f"This model's maximum context length is {longest} tokens, but {len(ids)} were sent")
        return ids

    def numbers(self, rows: list[torch.Tensor], sequences: list[list[int]]) -> list[Numbers]:
        lost = 0.5 if "stale" in self.faults and self.is_odd else 0
        return [Numbers(some - lost, ids, "nulls" in self.faults) for some, ids in zip(rows, sequences, strict=True)]

    def named_model(self, name: str) -> Model:
        if name not in self.models:
            raise Refusal(404, f"The model `{name}` does not exist")
        return self.models[name]

    def speak_completions(self, body: dict) -> dict:
        """vLLM's /v1/completions: prompt_logprobs, or OpenAI's echo with logprobs."""
        if self.place != "/v1/completions":
            raise Refusal(404, "no such place")
        model = self.named_model(body["model"])
        given = body["prompt"]
        if "texts" in self.faults and not isinstance(given, str):
            raise Refusal(422, "prompt: Input should be a valid string")
        prompts = [self.ids_of(model, one, body.get("add_special_tokens", True))
                   for one in ([given] if isinstance(given, str) or isinstance(given[0], int) else given)]
        rows = model.log_probabilities(prompts)
        written = model.write(prompts, body["max_tokens"], body, body.get("stop_token_ids", []), rows)
        says_ids = "texts" not in self.faults and (body.get("return_token_ids") or body.get("return_tokens_as_token_ids"))
        choices: list[dict] = [{"index": i, "text": "" if says_ids else "".join(model.pieces.texts(prompt + new)[len(prompt):]), "finish_reason": "stop"}
                               for i, (prompt, new) in enumerate(zip(prompts, written, strict=True))]
        if body.get("return_token_ids"):
            for choice, prompt, new in zip(choices, prompts, written, strict=True):
                choice.update(prompt_token_ids=prompt, token_ids=new)
        if "prompt_logprobs" in body and "silent" not in self.faults:
            for choice, prompt, found in zip(choices, prompts, self.numbers(rows, prompts), strict=True):
                choice["prompt_logprobs"] = [None] + [{str(prompt[i]): {"logprob": found.values[i], "rank": found.ranks[i], "decoded_token": "?"}}
                                                      for i in range(1, len(prompt))]
        if body.get("logprobs") is not None:
            self.add_logprobs(model, body, prompts, written, choices)
        if "reversed" in self.faults or "mixed" in self.faults:
            choices.reverse()
        if "mixed" in self.faults:
            for i, choice in enumerate(choices):
                choice["index"] = i
        return {"object": "text_completion", "choices": choices, "usage": {"prompt_tokens": sum(map(len, prompts)),
                                                                                 "completion_tokens": sum(map(len, written))}}

    def add_logprobs(self, model: Model, body: dict, prompts: list[list[int]], written: list[list[int]], choices: list[dict]) -> None:
        whole = [prompt + new for prompt, new in zip(prompts, written, strict=True)]
        echo = body.get("echo", False)
        rows = model.log_probabilities(whole)
        for choice, ids, found, prompt in zip(choices, whole, self.numbers(rows, whole), prompts, strict=True):
            first = 0 if echo and "silent" not in self.faults else len(prompt)
            values = found.values[first:]
            tops = [None if i == 0 else {"top": found.tops[i]} for i in range(first, len(ids))]
            choice["logprobs"] = {"tokens": [f"token_id:{i}" for i in ids[first:]], "token_logprobs": values, "top_logprobs": tops}
            if "texts" in self.faults or not body.get("return_tokens_as_token_ids"):
                texts = model.pieces.texts(ids)
                offsets = [sum(map(len, texts[:i])) for i in range(first, len(ids))]
                choice["logprobs"] |= {"tokens": texts[first:], "text_offset": offsets}

    def speak_sglang(self, body: dict) -> object:
        """SGLang's /generate."""
        model = self.named_model(self.faults.get("model", next(iter(self.models))))
        given = [body["text"]] if "text" in body else body["input_ids"]
        prompts = [self.ids_of(model, one) for one in given]
        sampling, starts = body["sampling_params"], body.get("logprob_start_len", -1)
        starts = starts if isinstance(starts, list) else [starts] * len(prompts)
        rows = model.log_probabilities(prompts)
        written = model.write(prompts, sampling["max_new_tokens"], sampling, sampling.get("stop_token_ids", []), rows)
        results = []
        for prompt, new, start, found in zip(prompts, written, starts, self.numbers(rows, prompts), strict=True):
            info = {"prompt_tokens": len(prompt), "output_token_logprobs": [[-1.0, one, None] for one in new]}
            places = range(start if start >= 0 else len(prompt), len(prompt))
            if "silent" not in self.faults:
                info["input_token_logprobs"] = [[None if i == places[0] else found.values[i], prompt[i], None] for i in places]
                info["input_top_logprobs"] = [None if i == places[0] else [[found.tops[i], found.top_ids[i], None]] for i in places]
            results.append({"text": "", "output_ids": new, "meta_info": info})
        if "reversed" in self.faults or "mixed" in self.faults:
            results.reverse()  # SGLang numbers nothing
        return results[0] if "text" in body else results


def listen(certificate: Path | None = None, port: int = 0) -> int:
    """@param port 0: any that is free. @return the port."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Speaker)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main() -> None:
    torch.set_num_threads(1)
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    certificate, port = given.pop("--certificate", None), int(given.pop("--port", 0))
    Speaker.models = {name: Model(Path(folder)) for name, folder in given.items()}
    print(listen(port=port), listen(Path(certificate)) if certificate else "", flush=True)
    while sys.stdin.read(1):  # the caller's end of the pipe is open as long as it lives
        time.sleep(0.1)


if __name__ == "__main__":
    main()
