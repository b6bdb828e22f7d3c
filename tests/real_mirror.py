"""A server on the loopback interface that has the public recordings under the addresses they have elsewhere.

It serves the copies beside the repository (see their README) in the place of a mirror: ``python
tests/real_mirror.py 8000`` in one terminal, ``make real MIRROR=http://127.0.0.1:8000`` in another.
"""

from __future__ import annotations

import http.server
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

REAL = Path(__file__).resolve().parents[2] / "shared" / "real"
COPIES = {
    "/raw.githubusercontent.com/cowleygroup/V4_compact_models/": "v4_210325",
    "/raw.githubusercontent.com/rsagroup/rsatoolbox/": "kriegeskorte92",
    "/raw.githubusercontent.com/NUS-VIP/predicting-human-gaze-beyond-pixels/": "osie",
}
#: Copies that are called otherwise than in public.
NAMES = {"responses_210325.npy": "responses_raw.npy", "images_210325.zip": "images.zip"}


def copy_of(path: str) -> Path | None:
    """Copy of the file of an address of a mirror, or None."""
    for start, folder in COPIES.items():
        if path.startswith(start):
            name = path.rsplit("/", 1)[1]
            places = (REAL / folder / NAMES.get(name, name), REAL / folder / "stimuli" / name)
            return next((place for place in places if place.is_file()), None)
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends whole files; what is not there is an error 404."""

    def do_GET(self):
        copy = copy_of(self.path)
        if copy is None:
            return self.send_error(404)
        content = copy.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def mirror(port: int = 0) -> Iterator[str]:
    """Serve; gives the address of the mirror."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    with mirror(int(sys.argv[1])) as url:
        print(url, flush=True)
        Event().wait()
