"""manifest.json of an asset's folder: every file with its size and checksum, so that a later run can verify it."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from .errors import AssetError

FILE_NAME = "manifest.json"
FORMAT = "unpact assets 1"
_CHUNK = 1 << 20


@dataclass
class Entry:
    """One file. A hub file that is not in LFS is known by its git hash until it was fetched and hashed."""

    path: str
    size: int
    sha256: str | None = None
    git_sha1: str | None = None
    converted: bool = False  # written here, from other files

    def is_intact(self, folder: Path) -> bool:
        file = folder / self.path
        if not file.is_file() or file.stat().st_size != self.size:
            return False
        sha256, git_sha1 = digests(file)
        if self.sha256 is not None:
            return sha256 == self.sha256
        return self.git_sha1 is not None and git_sha1 == self.git_sha1


@dataclass
class Manifest:
    name: str
    repo: str
    revision: str  # as asked for
    commit: str  # what that was
    complete: bool = False
    files: list[Entry] = field(default_factory=list)

    def damaged(self, folder: Path) -> list[Entry]:
        return [entry for entry in self.files if not entry.is_intact(folder)]

    def hub_files(self) -> list[Entry]:
        return [entry for entry in self.files if not entry.converted]

    def write(self, folder: Path) -> None:
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"
        write_atomically(folder / FILE_NAME, text.encode())


def digests(file: Path) -> tuple[str, str]:
    """SHA-256 of a file, and SHA-1 as git counts it (of a header and the content)."""
    sha256, git = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    git.update(b"blob %d\0" % file.stat().st_size)
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha256.update(chunk)
            git.update(chunk)
    return sha256.hexdigest(), git.hexdigest()


def write_atomically(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(file.name + ".part")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)


def is_safe_path(path: str) -> bool:
    """Whether a name from the hub or a manifest stays inside its folder."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and not {"..", "."} & set(parts) and not set(path) & {"\\", "\0"}


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest, or None where it has none.

    Raises:
        AssetError: it is broken; it is the user's to say what becomes of the files beside it.
    """
    file = folder / FILE_NAME
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError("another format")
        files = [Entry(**entry) for entry in content.pop("files")]
        if not all(isinstance(entry.path, str) and is_safe_path(entry.path) for entry in files):
            raise ValueError("a file outside of the folder")
        return Manifest(files=files, **content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AssetError(
            f"{file} is broken", str(error) or type(error).__name__, "remove that file: the others are checked anew"
        ) from error
