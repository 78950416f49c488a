"""A model hub on this machine: the part of its protocol that a download uses, with faults on request.

Paths are `/{repository}/resolve/{revision}/{file}`. Large files redirect to another host, as the real hub's do; there
no token may arrive.
"""

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "a" * 40
TOKEN = "hf_accepted"
LARGE = 1024


@dataclass
class Hub:
    """What the stub serves and how it misbehaves, and what it was asked.

    files: content by repository and path. gated: repositories that want `TOKEN`. cut: bytes after which a transfer's
    connection is dropped, one number for each transfer to come. hold: keep such a connection open instead, silent.
    served: content that is sent in place of the true one, by path. status: answer to everything. ranges: the Range
    header of each transfer. sent: bytes of each transfer. tokens_at_store: Authorization headers of large transfers.
    """

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut: list[int] = field(default_factory=list)
    hold: threading.Event | None = None
    served: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    ranges: list[str | None] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    tokens_at_store: list[str | None] = field(default_factory=list)
    url: str = ""

    def start(self) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        if self.path.startswith("/store/"):
            return self._from_store(body)
        owner, name, _, _, *parts = self.path.lstrip("/").split("/")
        repository, path = f"{owner}/{name}", "/".join(parts)
        content = self.hub.files.get((repository, path))
        if self.hub.status != 200:
            return self._empty(self.hub.status)
        if repository in self.hub.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status = 403 if "Authorization" in self.headers else 401
            return self._empty(status, {"X-Error-Code": "GatedRepo"})
        if content is None:
            return self._empty(404, {"X-Error-Code": "EntryNotFound"})
        tag = f'"{_tag(content)}"'
        if len(content) >= LARGE:
            return self._empty(
                302,
                {
                    "X-Repo-Commit": COMMIT,
                    "X-Linked-Etag": tag,
                    "X-Linked-Size": str(len(content)),
                    "Location": f"{self.hub.url.replace('127.0.0.1', 'localhost')}/store/{repository}/{path}",
                },
            )
        return self._content(self.hub.served.get(path, content), body, {"X-Repo-Commit": COMMIT, "ETag": tag})

    def _from_store(self, body: bool) -> None:
        _, _, owner, name, *parts = self.path.split("/")
        path = "/".join(parts)
        self.hub.tokens_at_store.append(self.headers.get("Authorization"))
        self._content(self.hub.served.get(path, self.hub.files[f"{owner}/{name}", path]), body, {})

    def _content(self, content: bytes, body: bool, headers: dict[str, str]) -> None:
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in {"Content-Length": str(len(content) - start), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self._send(content[start:], wanted)

    def _send(self, content: bytes, wanted: str | None) -> None:
        end = self.hub.cut.pop(0) if self.hub.cut else len(content)
        self.hub.ranges.append(wanted)
        self.hub.sent.append(min(end, len(content)))
        self.wfile.write(content[:end])
        if self.hub.hold and end < len(content):
            self.hub.hold.wait()
        self.close_connection = end < len(content)

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()


def _tag(content: bytes) -> str:
    """As the hub tags content: SHA-256 of a large file, git's name of a small one."""
    if len(content) >= LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
