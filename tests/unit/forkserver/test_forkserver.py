"""Claims about forked jobs: they do and say what jobs of their own Python do, and leave nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from visalign.cli import STAGES
from visalign.forkserver import client, protocol
from visalign.forkserver.start import ONE_THREAD, Servers, serve_run

ROOT = Path(__file__).parents[3]
LIBRARY = str(ROOT / "workflow")
TABLE = "model,top1,it\n" + "".join(f"m{i},{50 + i},{i % 7}\n" for i in range(12))
TREND = ["trend", "table.csv", "--x", "top1", "--y", "it", "--json", "--bootstrap", "100"]
OWN = {name: value for name, value in os.environ.items() if not name.startswith(protocol.AT_START)}
ENVIRONMENT = OWN | ONE_THREAD | {"PYTHONPATH": LIBRARY}


@pytest.fixture(scope="module")
def servers():
    started = Servers(ENVIRONMENT)
    for argv in (["trend"], ["features"]):  # the first jobs do all themselves, and have servers import
        until(lambda argv=argv: by_server(started, argv), 60)
    yield started
    for pid in forked(started):
        os.kill(pid, signal.SIGKILL)  # those that a failed test left
    started.close()
    assert not Path(started.folder).exists()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(TABLE)


def start(servers, *argv, **variables):
    """Start a job that may ask a server."""
    environment = ENVIRONMENT | {protocol.VARIABLE: servers.folder} | variables
    command = [sys.executable, "-m", "visalign", *argv]
    return subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True, preexec_fn=heeding)


def heeding():
    """Ignore no signal, though whoever started the tests may."""
    for number in client.FORWARDED:
        signal.signal(number, signal.SIG_DFL)


def by_server(servers, argv):
    """Whether a server, rather than the client, does a command."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with connection, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name not in ENVIRONMENT]:
            patch.delenv(name)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        return client.asked(connection, f"{servers.folder}/{protocol.server_of(argv)}", argv)


def children(pid):
    """Processes whose parent is one, and their parents."""
    found = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True).stdout
    return [int(word) for word in found.split()]


def forked(servers):
    """Jobs that the servers have forked; the server of networks is one too."""
    return children(servers._process.pid)


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def blocked(servers):
    """Start a job that waits for a pipe that nobody writes to; returns its client and its process."""
    os.mkfifo("pipe.csv")
    before = set(forked(servers))
    process = start(servers, "trend", "pipe.csv", *TREND[2:])
    until(lambda: set(forked(servers)) - before)
    [job] = set(forked(servers)) - before
    return process, job


def gone(pid):
    return not Path(f"/proc/{pid}").exists()


def test_a_forked_job_says_what_a_job_of_its_own_says(servers, here):
    by_server, alone = start(servers, *TREND), start(servers, *TREND, VISALIGN_FORKSERVER="")
    outputs = [process.communicate() for process in (by_server, alone)]
    assert outputs[0][0] == outputs[1][0] and outputs[0][0].startswith("{")
    assert [by_server.returncode, alone.returncode] == [0, 0]


def test_bad_input_ends_a_forked_job_with_the_same_line_and_status(servers, here):
    wrong = ["trend", "table.csv", "--x", "nothing", "--y", "it"]
    by_server, alone = start(servers, *wrong), start(servers, *wrong, VISALIGN_FORKSERVER="")
    outputs = [process.communicate() for process in (by_server, alone)]
    assert outputs[0] == outputs[1] and "nothing" in outputs[0][1]
    assert [by_server.returncode, alone.returncode] == [2, 2]


def test_a_forked_job_has_the_folder_variables_and_mask_of_its_client(servers, here):
    process, job = blocked(servers)
    assert os.readlink(f"/proc/{job}/cwd") == os.getcwd()
    assert os.getpgid(job) == job and Path(f"/proc/{job}/comm").read_text() == "visalign trend\n"
    assert os.readlink(f"/proc/{job}/fd/1") == os.readlink(f"/proc/{process.pid}/fd/1")
    process.kill()
    process.communicate()
    until(lambda: gone(job))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_a_client_ends_its_job_and_then_the_client_by_the_same(servers, here, number):
    process, job = blocked(servers)
    time.sleep(0.3)  # the client follows its job
    process.send_signal(number)
    process.communicate()
    assert process.returncode == -number and gone(job)


def test_an_interrupt_reaches_a_job_as_such(servers, here):
    process, job = blocked(servers)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate()[1]
    assert process.returncode in (-signal.SIGINT, 130) and gone(job)


def test_a_job_that_is_killed_ends_its_client_likewise(servers, here):
    process, job = blocked(servers)
    os.kill(job, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "PYTHONHASHSEED", "MALLOC_TOP_PAD_"])
def test_a_job_whose_environment_matters_at_start_is_done_by_itself(servers, here, name):
    os.mkfifo("pipe.csv")
    before = forked(servers)
    process = start(servers, "trend", "pipe.csv", *TREND[2:], **{name: "2"})
    until(lambda: "pandas" in Path(f"/proc/{process.pid}/maps").read_text())  # it has imported by itself
    assert forked(servers) == before
    process.kill()
    process.communicate()


@pytest.mark.parametrize("name", sorted(protocol.BY_IMPORTS))
def test_what_an_import_has_set_in_the_process_that_starts_jobs_does_not_matter(servers, here, name):
    os.mkfifo("pipe.csv")
    before = set(forked(servers))
    process = start(servers, "trend", "pipe.csv", *TREND[2:], **{name: "True"})
    until(lambda: set(forked(servers)) - before)
    process.kill()
    process.communicate()
    until(lambda: set(forked(servers)) == before)


def test_until_its_server_has_imported_a_job_is_done_by_itself(here):
    servers = Servers(ENVIRONMENT)
    first = start(servers, *TREND)
    assert first.communicate()[0].startswith("{") and first.returncode == 0
    servers.close()


def test_without_a_server_behind_the_socket_a_job_is_done_by_itself(here, tmp_path):
    environment = ENVIRONMENT | {protocol.VARIABLE: str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-m", "visalign", *TREND], env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0 and found.stdout.startswith("{")


def test_where_servers_cannot_be_none_are_started(monkeypatch):
    def refused(pid):
        raise OSError(38, "Function not implemented")

    monkeypatch.delenv(protocol.VARIABLE, raising=False)
    monkeypatch.setattr(os, "pidfd_open", refused)
    serve_run(LIBRARY, {})
    assert protocol.VARIABLE not in os.environ


def test_only_their_user_may_ask_servers_and_they_run_no_threads(servers, here):
    assert stat.S_IMODE(Path(servers.folder).stat().st_mode) == 0o700
    for pid in (servers._process.pid, *forked(servers)):
        threads = [Path(task, "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()]
        # that of pyarrow's allocator, which knows how to fork
        assert len([name for name in threads if name != "jemalloc_bg_thd"]) == 1


def test_servers_end_with_the_process_that_started_them(tmp_path):
    program = (
        "import os, sys, time\nfrom visalign.forkserver.start import Servers\n"
        "servers = Servers(os.environ)\nprint(servers._process.pid, servers.folder, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], env=ENVIRONMENT, stdout=-1, text=True)
    assert process.stdout
    server, folder = process.stdout.readline().split()
    assert not gone(server) and Path(folder).exists()
    process.kill()
    process.wait()
    until(lambda: gone(server) and not Path(folder).exists(), 60)


def test_every_rule_has_the_server_of_its_environment():
    rules = [
        rule
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for rule in re.split(r"(?m)^rule ", path.read_text())[1:]
    ]
    found = {}
    for rule in rules:
        command = re.search(r"python -m visalign ([a-z-]+)(?: ([a-z]+))?", rule)
        environment = re.search(r"envs/([a-z]+)\.yaml", rule)
        assert command and environment, rule
        argv = [word for word in command.groups() if word]
        if argv[0] not in ("train", "downloads"):  # long; or nothing to import
            found.setdefault((protocol.server_of(argv), environment[1]), argv)
    assert set(found) == {("network", "vision"), ("arrays", "analysis")}, found
    named = {name.split()[0] for name in protocol.NETWORK_COMMANDS | protocol.ARRAY_COMMANDS}
    assert named <= set(STAGES)
