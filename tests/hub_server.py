"""A server on this machine that speaks the protocol of the Hugging Face hub, as far as files are fetched."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def commit_of(number: int) -> str:
    return f"{number:040x}"


@dataclass
class Hub:
    """Repositories, how they misbehave, and what was asked for.

    Attributes
    ----------
    files : dict
        Commit -> name of a file -> content.
    revisions : dict
        Repository -> revision -> commit.
    gated : dict
        Repository -> status and error code with which it is refused.
    cuts : list of int
        Of the next large downloads, after how many bytes each is cut off.
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    revisions: dict[str, dict[str, str]] = field(default_factory=dict)
    gated: dict[str, tuple[int, str]] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    swapped: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    address: str = ""

    def put(self, repository: str, revision: str, files: dict[str, bytes]) -> str:
        """Commit files to a revision of a repository; returns the commit."""
        commit = commit_of(len(self.files) + 1)
        self.files[commit] = files
        self.revisions.setdefault(repository, {})[revision] = commit
        return commit

    def find(self, repository: str, revision: str) -> str | None:
        """Commit of a revision, which may be a commit."""
        known = self.revisions.get(repository, {})
        return known.get(revision) or (revision if revision in known.values() else None)


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

        def refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            hub.asked.append((self.command, self.path, self.headers.get("Range", "")))
            match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
            if match is None:
                return self.refuse(404, "RepoNotFound")
            repository, revision, name = match.groups()
            if repository in hub.gated:
                return self.refuse(*hub.gated[repository])
            if repository not in hub.revisions:
                return self.refuse(401, "RepoNotFound")
            commit = hub.find(repository, revision)
            if commit is None:
                return self.refuse(404, "RevisionNotFound")
            if name not in hub.files[commit]:
                return self.refuse(404, "EntryNotFound")
            self.send(commit, hub.files[commit][name], body, name)

        def send(self, commit: str, content: bytes, body: bool, name: str) -> None:
            large = not name.endswith(".json")  # as files of LFS are, whose etag is their sha256
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            etag = hashlib.sha256(content).hexdigest() if large else git
            content = hub.swapped.get(name, content)
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            first = int(asked[1]) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("X-Repo-Commit", commit)
            self.send_header("ETag", f'"{etag}"')
            if large:
                self.send_header("X-Linked-Etag", f'"{etag}"')
                self.send_header("X-Linked-Size", str(len(content)))
            if asked:
                self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content) - first))
            self.end_headers()
            if not body:
                return
            cut = hub.cuts.pop(0) if large and hub.cuts else None
            self.wfile.write(content[first:] if cut is None else content[first : first + cut])
            self.wfile.flush()
            if cut is not None:
                self.close_connection = True
                self.connection.close()

    return Handler


class Running:
    """A hub that answers within the block."""

    def __enter__(self) -> Hub:
        self.hub = Hub()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self.hub))
        self.hub.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self.hub

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
