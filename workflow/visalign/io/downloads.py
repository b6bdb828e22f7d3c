"""Files from elsewhere: resumed where they were cut, and checked before they appear under their names."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NotRequired, TypedDict

from tqdm import tqdm

from visalign.errors import InputError
from visalign.io import checksums
from visalign.io.files import write_atomic
from visalign.io.tables import read_table

#: Hexadecimal digits of the checksums that can be given.
DIGITS = {"sha256": 64, "sha1": 40}
#: Columns of the table of recorded checksums.
COLUMNS = ("url", "sha256", "bytes")
#: Tries in a row that bring nothing before it is given up, and the first wait between them, which doubles.
TRIES = 6
WAIT_SECONDS = 1.0
#: Without a byte for this long a connection counts as cut.
TIMEOUT_SECONDS = 60
BLOCK_BYTES = 1 << 20
#: Answers that a later try may change: timeout, too many requests, failures of the server.
TRANSIENT = {408, 429, 500, 502, 503, 504}
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


class DownloadRow(TypedDict):
    """A row of the sheet of downloads; a range in url and path stands for several files."""

    name: str
    url: str
    path: str
    sha256: NotRequired[str]
    sha1: NotRequired[str]
    note: NotRequired[str]


def download(
    url: str, output: str | Path, record: str | Path, given: dict[str, str], mirror: str | None = None
) -> None:
    """Fetch `url` to `output`.

    Parameters
    ----------
    record : path
        Table of checksums. A URL without a `given` checksum gets the one of its first download there, and
        must have it ever after.
    given : dict
        Algorithm (sha256, sha1) -> checksum that the file must have.
    mirror : str, optional
        Address that holds copies, see `mirrored`. Checksums are recorded and enforced by `url`, wherever a
        file came from.

    Raises
    ------
    InputError
        The file cannot be had, or has another checksum: names URL, found and expected. What was fetched of a
        wrong file is deleted, so that the next try starts anew.
    """
    partial = Path(f"{output}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    expected = given or read_checksum(record, url)
    source = mirrored(url, mirror) if mirror else url
    fetch(source, partial)
    try:
        for algorithm, checksum in expected.items():
            checksums.check(partial, checksum, algorithm)
    except InputError as error:
        _delete(partial)
        raise InputError(f"{source}: {error}") from None
    if not expected:
        record_checksum(record, url, partial)
    os.replace(partial, output)
    _delete(partial)


def mirrored(url: str, mirror: str) -> str:
    """Return where a mirror has the file of an address: ``https://host/a/b`` is at ``MIRROR/host/a/b``.

    Compute nodes of clusters often reach an internal server only; ``wget --force-directories`` fills one.
    """
    return f"{mirror.rstrip('/')}/{url.partition('://')[2]}"


# --- ranges of files ---


def expand(template: str) -> list[str]:
    """Replace a range ``{A..B}`` of whole numbers, ends included, by each of them."""
    parts = RANGE.split(template)
    if len(parts) == 1:
        return [template]
    before, first, last, after = parts[0], int(parts[1]), int(parts[2]), parts[3]
    if len(parts) > 4 or first > last:
        raise InputError(f"{template}: not one rising range {{A..B}}")
    return [f"{before}{number}{after}" for number in range(first, last + 1)]


def expand_rows(rows: dict[str, DownloadRow]) -> dict[str, DownloadRow]:
    """Rows of the sheet of downloads, one per file, by path.

    Raises
    ------
    InputError
        url and path have ranges of different lengths, one checksum is given for several files, or a path is
        there twice; names the row.
    """
    files: dict[str, DownloadRow] = {}
    for name, row in rows.items():
        urls, paths = expand(row["url"]), expand(row["path"])
        if len(urls) != len(paths):
            raise InputError(f"{name}: path: {len(paths)} files, but url has {len(urls)}")
        if len(urls) > 1 and set(DIGITS) & set(row):
            raise InputError(f"{name}: one checksum for {len(urls)} files")
        for url, path in zip(urls, paths, strict=True):
            if path in files:
                raise InputError(f"{name}: path: {path!r} is there twice")
            files[path] = row | {"url": url, "path": path}
    return files


# --- transfer ---


def fetch(url: str, partial: Path) -> None:
    """Bring `partial` to the whole file; a cut connection is resumed, after a wait."""
    failures = 0
    while True:
        before = _size(partial)
        try:
            return _receive(url, partial)
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code not in TRANSIENT:
                raise InputError(f"{url}: {reason}") from None
        # A full disk is an OSError too, and no reason to try again.
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(error)
        failures = 1 if _size(partial) > before else failures + 1
        if failures == TRIES:
            raise InputError(f"{url}: {reason} ({TRIES} tries; run again to resume)")
        time.sleep(WAIT_SECONDS * 2 ** (failures - 1))


def _receive(url: str, partial: Path) -> None:
    """Ask for what `partial` lacks, and append it; raises ConnectionError where less arrives."""
    start = _size(partial)
    headers = {}
    if start:
        headers["Range"] = f"bytes={start}-"
        # A file that changed since is sent whole.
        if validator := _validator_file(partial).read_text():
            headers["If-Range"] = validator
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS
        )
    except urllib.error.HTTPError as error:
        if error.code == 416 and error.headers["Content-Range"] == f"bytes */{start}":
            return  # it was whole already
        if error.code == 416:
            _delete(partial)
            raise ConnectionError(f"the server has no byte {start}") from None
        raise
    with response:
        if response.status != 206:  # the whole file: it is new, it changed, or the server ignores Range
            start = 0
            partial.write_bytes(b"")
            _validator_file(partial).write_text(_validator(response.headers))
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            _delete(partial)
            raise ConnectionError(f"the server sent other bytes than from {start}")
        length = response.headers["Content-Length"]
        total = None if length is None else start + int(length)
        bar = tqdm(total=total, initial=start, desc=Path(url).name, unit="B", unit_scale=True)
        with bar, partial.open("ab") as file:
            while block := response.read(BLOCK_BYTES):
                file.write(block)
                bar.update(len(block))
    if total is not None and _size(partial) < total:
        raise ConnectionError(f"connection cut at byte {_size(partial)} of {total}")


def _size(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _delete(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _validator_file(partial).unlink()


def _validator_file(partial: Path) -> Path:
    return Path(f"{partial}.validator")


def _validator(headers: http.client.HTTPMessage) -> str:
    # Weak tags do not promise equal bytes.
    tag = headers.get("ETag", "W/")
    return headers.get("Last-Modified", "") if tag.startswith("W/") else tag


# --- recorded checksums ---


def read_checksum(record: str | Path, url: str) -> dict[str, str]:
    """Return the recorded checksum of a URL, as {"sha256": ...}; empty where there is none."""
    checksum = _read_record(record).get(url)
    return {"sha256": checksum[0]} if checksum else {}


def record_checksum(record: str | Path, url: str, file: Path) -> None:
    """Add a file's checksum to the record; jobs that do so at the same time wait for each other."""
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    record = Path(record)
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.with_name(f".{record.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = _read_record(record) | {url: (sha256, str(file.stat().st_size))}
        lines = [COLUMNS, *((url, *values) for url, values in rows.items())]
        write_atomic(record, "".join("\t".join(line) + "\n" for line in lines))


def _read_record(record: str | Path) -> dict[str, tuple[str, str]]:
    if not Path(record).exists():
        return {}
    table = read_table(record, required=COLUMNS, dtype=str)
    return dict(zip(table["url"], zip(table["sha256"], table["bytes"], strict=True), strict=True))
