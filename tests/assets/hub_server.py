"""A small Hugging Face hub on loopback: what huggingface_hub asks of one, serving generated files."""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_API = re.compile(r"/api/(model|dataset)s/([^/]+/[^/]+)(?:/revision/(.+))?")
_RESOLVE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_LFS = (".safetensors", ".parquet", ".model", ".bin")


@dataclass
class Repo:
    files: dict[str, bytes]
    gated: bool = False
    revisions: tuple[str, ...] = ("main", COMMIT)


@dataclass
class State:
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)  # by kind and name
    cuts: dict[str, list[int]] = field(default_factory=dict)  # of a path: bytes of its body before each cut
    wrong: dict[str, int] = field(default_factory=dict)  # of a path: how often its content is another
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, range

    def fetched(self) -> list[str]:
        return [path.split(f"/resolve/{COMMIT}/")[1] for method, path, _ in self.requests if "/resolve/" in path]


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sibling(path: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"rfilename": path, "size": len(content), "blobId": git_sha1(content)}
    if path.endswith(_LFS):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
    return entry


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.requests.append((self.command, path, self.headers.get("Range", "")))
        if match := _API.fullmatch(path):
            self.describe(match[1], match[2], match[3] or "main")
        elif match := _RESOLVE.fullmatch(path):
            self.resolve("dataset" if match[1] else "model", match[2], match[4], body)
        else:
            self.fail(404, "EntryNotFound")

    def describe(self, kind: str, name: str, revision: str) -> None:
        repo = self.state.repos.get((kind, name))
        if not repo:
            return self.fail(401, "RepoNotFound")
        if revision not in repo.revisions:
            return self.fail(404, "RevisionNotFound")
        siblings = [sibling(path, content) for path, content in repo.files.items()]
        content = json.dumps({"id": name, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}).encode()
        self.send(200, content, {"Content-Type": "application/json"})
        return None

    def resolve(self, kind: str, name: str, path: str, body: bool) -> None:
        repo = self.state.repos.get((kind, name))
        if not repo or path not in repo.files:
            return self.fail(404, "EntryNotFound")
        if repo.gated and self.headers.get("Authorization") != "Bearer good":
            return self.fail(403 if "Authorization" in self.headers else 401, "GatedRepo")
        content = repo.files[path]
        etag = hashlib.sha256(content).hexdigest() if path.endswith(_LFS) else git_sha1(content)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if self.state.wrong.get(path, 0) > 0:
            self.state.wrong[path] -= 1
            content = bytes(len(content))
        status, first = 200, 0
        if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            status, first = 206, int(match[1])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.send(status, content[first:], headers, body, self.state.cuts.get(path))
        return None

    def fail(self, status: int, code: str) -> None:
        self.send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def send(self, status: int, content: bytes, headers: dict[str, str], body: bool = True,
             cuts: list[int] | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and cuts:
            content = content[: cuts.pop(0)]
            self.close_connection = True
        if body and self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class HubServer:
    """Runs while its `with` block does."""

    def __init__(self) -> None:
        self.state = State()
        handler = type("BoundHandler", (Handler,), {"state": self.state})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "HubServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
