"""Claims about downloads, against a server on the loopback interface."""

from __future__ import annotations

import argparse
import hashlib
import http.server
import threading
from pathlib import Path

import golden
import numpy as np
import pytest

from visalign.errors import InputError
from visalign.io import downloads
from visalign.stages import downloads as door

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SHA1 = hashlib.sha1(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.content`, with the faults that the server's attributes ask for."""

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        server.paths.append(self.path)
        server.conditions.append(self.headers.get("If-Range"))
        if server.statuses:
            return self.send_error(server.statuses.pop(0))
        fresh = self.headers.get("If-Range", server.tag) == server.tag
        start = int(wanted[6:-1]) if wanted and server.ranges and fresh else 0
        total = len(server.content)
        if start >= total:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            return self.end_headers()
        start += server.shift if start else 0
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if server.tag:
            self.send_header("ETag", server.tag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloads, "WAIT_SECONDS", 0.001)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.ranges, server.tag = CONTENT, True, '"one"'
    server.cuts, server.statuses, server.asked, server.conditions = [], [], [], []
    server.paths = []
    server.shift = 0
    server.url = f"http://127.0.0.1:{server.server_port}/file.bin"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(server, *arguments: str) -> None:
    parser = argparse.ArgumentParser()
    door.add_arguments(parser)
    command = ["--url", server.url, "--output", "d/file.bin", "--checksums", "c/sums.tsv", *arguments]
    door.run(parser.parse_args(command))


def files() -> list[str]:
    return sorted(str(path) for path in Path("d").iterdir())


def test_a_whole_file_is_fetched_once(server):
    fetch(server, "--sha256", SHA256.upper(), "--sha1", SHA1)
    assert Path("d/file.bin").read_bytes() == CONTENT
    assert server.asked == [None] and files() == ["d/file.bin"]


def test_a_mirror_is_asked_for_host_and_path_and_checksums_stay_those_of_the_address(server):
    mirror = server.url.removesuffix("/file.bin") + "/copies/"
    address = ["--url", "https://example.org:8080/a/b.bin?raw=1", "--mirror", mirror]
    fetch(server, *address)
    assert server.paths == ["/copies/example.org:8080/a/b.bin?raw=1"]
    assert Path("d/file.bin").read_bytes() == CONTENT
    recorded = Path("c/sums.tsv").read_text().splitlines()[1].split("\t")
    assert recorded == ["https://example.org:8080/a/b.bin?raw=1", SHA256, "300000"]
    server.content = CONTENT[1:]
    with pytest.raises(InputError, match=f"{mirror}example.org.* expected {SHA256}"):
        fetch(server, *address)


def test_a_cut_connection_is_resumed_where_it_was_cut(server):
    server.cuts = [100_000, 50_000]
    fetch(server, "--sha256", SHA256)
    assert Path("d/file.bin").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"] and files() == ["d/file.bin"]


def test_a_run_that_gave_up_is_resumed_by_the_next_one(server):
    server.cuts = [100_000] + [0] * downloads.TRIES
    with pytest.raises(InputError, match=rf"cut at byte 100000 of 300000 \({downloads.TRIES} tries"):
        fetch(server)
    assert files() == ["d/file.bin.partial", "d/file.bin.partial.validator"]
    server.asked, server.cuts = [], []
    fetch(server)
    assert Path("d/file.bin").read_bytes() == CONTENT and server.asked == ["bytes=100000-"]


def test_connections_may_be_cut_more_often_than_tries_while_bytes_arrive(server):
    server.cuts = [20_000] * (downloads.TRIES + 2)
    fetch(server, "--sha256", SHA256)
    assert len(server.asked) == downloads.TRIES + 3


def test_a_server_that_sends_another_range_is_asked_for_the_whole(server):
    server.cuts, server.shift = [100_000], 10
    fetch(server, "--sha256", SHA256)
    assert server.asked == [None, "bytes=100000-", None]


def test_only_a_strong_tag_is_a_condition_of_resuming(server):
    server.cuts = [100_000]
    fetch(server)
    server.cuts, server.tag = [100_000], 'W/"weak"'
    fetch(server)
    assert server.conditions == [None, '"one"', None, None]


def test_a_whole_partial_is_taken_as_it_is(server):
    Path("d").mkdir()
    Path("d/file.bin.partial").write_bytes(CONTENT)
    Path("d/file.bin.partial.validator").write_text(server.tag)
    fetch(server, "--sha256", SHA256)
    assert server.asked == ["bytes=300000-"] and files() == ["d/file.bin"]


def test_a_partial_longer_than_the_file_is_dropped(server):
    Path("d").mkdir()
    Path("d/file.bin.partial").write_bytes(CONTENT + b"more")
    Path("d/file.bin.partial.validator").write_text("")
    fetch(server, "--sha256", SHA256)
    assert server.asked == ["bytes=300004-", None]


@pytest.mark.parametrize("tag", ['"one"', ""])
def test_a_server_that_ignores_ranges_sends_from_the_beginning(server, tag):
    server.ranges, server.cuts, server.tag = False, [100_000], tag
    fetch(server, "--sha256", SHA256)
    assert Path("d/file.bin").read_bytes() == CONTENT and len(server.asked) == 2


def test_parts_of_a_file_that_changed_meanwhile_are_not_joined(server):
    server.cuts = [100_000] + [0] * downloads.TRIES
    with pytest.raises(InputError):
        fetch(server)
    server.content, server.tag, server.cuts = CONTENT[::-1], '"two"', []
    fetch(server)
    assert Path("d/file.bin").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(("option", "right"), [("--sha256", SHA256), ("--sha1", SHA1)])
def test_a_wrong_checksum_leaves_nothing_and_names_both(server, option, right):
    wrong = "0" * len(right)
    message = f"{server.url}: d/file.bin.partial: {option[2:]}: {right}, expected {wrong}"
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        fetch(server, option, wrong)
    assert files() == []


def test_an_existing_file_survives_a_wrong_download(server):
    fetch(server)
    with pytest.raises(InputError):
        fetch(server, "--sha1", "0" * 40)
    assert Path("d/file.bin").read_bytes() == CONTENT


def test_the_first_checksum_is_recorded_then_enforced(server):
    fetch(server)
    assert Path("c/sums.tsv").read_text() == f"url\tsha256\tbytes\n{server.url}\t{SHA256}\t300000\n"
    fetch(server)
    server.content = CONTENT[1:]
    with pytest.raises(InputError, match=f"expected {SHA256}"):
        fetch(server)
    assert Path("d/file.bin").read_bytes() == CONTENT


def test_a_failing_server_is_asked_again_but_not_for_ever(server):
    server.statuses = [503, 429]
    fetch(server)
    assert len(server.asked) == 3
    server.statuses = [500] * 99
    with pytest.raises(InputError, match=rf"HTTP 500 Internal Server Error \({downloads.TRIES} tries"):
        fetch(server)


def test_an_absent_file_is_named_at_once(server):
    server.statuses = [404] * 2
    with pytest.raises(InputError, match=f"{server.url}: HTTP 404 Not Found"):
        fetch(server)
    assert len(server.asked) == 1 and files() == []


def test_an_unreachable_server_is_named(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match=rf"{server.url}: .*refused.* \({downloads.TRIES} tries"):
        fetch(server)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "ftp://host/file"], "--url: 'ftp://host/file' is not an http or https address"),
        (["--url", "file:///etc/hosts"], "--url: 'file:///etc/hosts' is not"),
        (["--mirror", "mirror/files"], "--mirror: 'mirror/files' is not an http or https address"),
        (["--sha256", SHA1], f"--sha256: '{SHA1}' is not 64 hexadecimal digits"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_asked(server, arguments, message):
    with pytest.raises(InputError) as error:
        fetch(server, *arguments)
    assert str(error.value).startswith(message) and server.asked == []


def test_results_of_downloads_are_those_of_its_version(server):
    fetch(server)
    [header, recorded] = [line.split("\t") for line in Path("c/sums.tsv").read_text().splitlines()]
    golden.check("downloads", "downloads", {"columns": header, "recorded": recorded[1:]})
