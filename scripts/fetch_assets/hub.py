"""The Hugging Face hub, through huggingface_hub: what a repository holds, and downloads that resume."""

import os
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, get_token, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from .errors import AssetError
from .manifest import Entry, is_safe_path


@dataclass(frozen=True)
class Listing:
    commit: str
    files: list[Entry]

    def names(self) -> list[str]:
        return [entry.path for entry in self.files]


class Hub:
    """The hub at HF_ENDPOINT, or huggingface_hub's default one."""

    def __init__(self) -> None:
        self.endpoint = os.environ.get("HF_ENDPOINT", constants.ENDPOINT).rstrip("/")
        self._api = HfApi(endpoint=self.endpoint)

    def page(self, repo: str, kind: str) -> str:
        return f"{self.endpoint}/{'datasets/' if kind == 'dataset' else ''}{repo}"

    @staticmethod
    def has_token() -> bool:
        return bool(get_token())

    def listing(self, repo: str, kind: str, revision: str) -> Listing:
        try:
            info = self._api.repo_info(repo, repo_type=kind, revision=revision, files_metadata=True)
        except Exception as error:  # noqa: BLE001 - explained, or raised again
            raise self._explained(error, repo, kind, revision) from error
        files = []
        for sibling in info.siblings or []:
            if not is_safe_path(sibling.rfilename):
                raise AssetError(
                    f"cannot fetch {repo}", f"it names a file outside of its folder: {sibling.rfilename!r}",
                    "report this to the owner of the repository",
                )
            sha256 = sibling.lfs.sha256 if sibling.lfs else None
            size = sibling.lfs.size if sibling.lfs else sibling.size
            files.append(Entry(sibling.rfilename, size or 0, sha256, None if sibling.lfs else sibling.blob_id))
        return Listing(info.sha or revision, files)

    def download(self, repo: str, kind: str, commit: str, entry: Entry, partial: Path) -> None:
        """Fetches a file to `partial`, going on behind what an interrupted run left there.

        huggingface_hub's own download of a file starts anew in every process; its http_get does not need to.
        The hub's link is resolved at every attempt, because the storage behind it signs links for an hour only.
        """
        url = hf_hub_url(repo, entry.path, repo_type=kind, revision=commit, endpoint=self.endpoint)
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}  # a range of compressed bytes would be useless
        partial.parent.mkdir(parents=True, exist_ok=True)
        if partial.exists() and partial.stat().st_size > entry.size:
            partial.unlink()
        try:
            with partial.open("ab") as stream:
                http_get(url, stream, resume_size=stream.tell(), headers=headers, expected_size=entry.size,
                         displayed_filename=entry.path)
        except Exception as error:  # noqa: BLE001
            raise self._explained(error, f"{repo}: {entry.path}", kind, commit, repo) from error

    def _explained(self, error: Exception, what: str, kind: str, revision: str, repo: str = "") -> Exception:
        repo = repo or what
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
        problem = f"cannot fetch {what}"
        page = self.page(repo, kind)
        if isinstance(error, GatedRepoError) or status == 403:
            return AssetError(
                problem,
                f"the repository is gated: its licence must be accepted first (HTTP {status}; "
                f"{'the token is not of a user who did' if get_token() else 'no token is set'})",
                f"accept the licence at {page}, make a token that may read, set HF_TOKEN to it, and run this again",
            )
        if isinstance(error, RevisionNotFoundError):
            return AssetError(problem, f"it has no revision '{revision}'", f"choose one of those at {page}")
        if isinstance(error, RepositoryNotFoundError) or status == 401:
            return AssetError(
                problem, f"there is no such repository at {self.endpoint}, or this user may not see it (HTTP {status})",
                "check HF_ENDPOINT; where the repository is private, or HF_TOKEN is wrong, set HF_TOKEN",
            )
        if isinstance(error, OfflineModeIsEnabled):
            return AssetError(problem, "HF_HUB_OFFLINE is set", "unset it")
        if isinstance(error, (HTTPError, OSError)):
            return AssetError(
                problem, f"{type(error).__name__}: {(str(error).strip() or 'no details').splitlines()[0]}",
                "check the network (a login node? a proxy?) and run this again: it goes on where it ended",
            )
        return error
