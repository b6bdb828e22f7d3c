"""Hugging Face's hub as a source of weights: what its errors mean, and whether files are what it named."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from visalign.io import checksums

#: What errors of the hub's library mean, and what can be done; a class comes before those it derives from.
MEANINGS = {
    "GatedRepoError": "gated: ask for access on its page, then log in (hf auth login) or set HF_TOKEN",
    "RevisionNotFoundError": "has no revision {revision}",
    "RemoteEntryNotFoundError": "lacks a file that timm reads: config.json, model.safetensors",
    "DisabledRepoError": "was disabled by the hub",
    "RepositoryNotFoundError": "no such repository; if it is private, log in (hf auth login) or set HF_TOKEN",
    "LocalEntryNotFoundError": "not in the cache, and the hub cannot be reached",
    "RequestError": "the download was cut off, again and again; try later",
}


def parts(identifier: str) -> tuple[str, str]:
    """Repository and revision of ``ORGANISATION/NAME@REVISION``, with or without the prefix of timm."""
    name, _, revision = identifier.rpartition(":")[2].partition("@")
    return name, revision or "main"


def meaning(error: BaseException, identifier: str) -> str | None:
    """What an error of the hub's library means, in a line, or None: it is no such error."""
    named = {kind.__name__ for kind in type(error).__mro__}
    _, revision = parts(identifier)
    for kind, words in MEANINGS.items():
        if kind in named:
            return words.format(revision=revision)
    return None


def cached(identifier: str) -> Path | None:
    """Folder of the files of a repository that were fetched, named by their commit; None: there is none."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    name, revision = parts(identifier)
    home = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")
    ref = home / "refs" / revision
    folder = home / "snapshots" / (ref.read_text().strip() if ref.is_file() else revision)
    return folder if folder.is_dir() else None


def damage(folder: Path) -> str | None:
    """Which file of a folder of the cache is not what the hub named, or None: all are, as far as is known.

    The cache calls a file by its ETag, which is the sha256 of large files, and of others the name that Git
    gives their content. The hub's library compares sizes alone.
    """
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        named = file.resolve().name
        if re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{40}", named):
            found = digest(file, len(named))
            if found != named:
                kind = "sha256" if len(named) == 64 else "sha1 of Git"
                where = file.relative_to(folder)
                return f"{where}: {kind} {found} is not the hub's {named}; delete {file.resolve()}"
    return None


def digest(file: Path, length: int) -> str:
    """Return the sha256 of a file, or of 40 digits the name that Git gives its content."""
    if length == 64:
        return checksums.of(file, "sha256")
    header = b"blob %d\0" % file.stat().st_size
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.sha1(header, usedforsecurity=False)).hexdigest()
