"""A webhook receiver on this machine: keeps what it is sent, and behaves as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.waiting import until


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """``answers`` gives a status for each request in turn, the last one for ever."""

    server: ThreadingHTTPServer
    answers: list[int] = field(default_factory=lambda: [204])
    location: str = ""
    hang: threading.Event = field(default_factory=threading.Event)
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def at(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def wait(self, wanted: Callable[[list[Delivery]], bool]) -> list[Delivery]:
        """Everything that came, once that is what is wanted."""
        try:
            until(lambda: wanted(self.deliveries))
        except AssertionError:
            raise AssertionError(f"not among {[d.body for d in self.deliveries]}") from None
        return list(self.deliveries)

    def wait_for(self, event: str, hold_id: str) -> Delivery:
        """The first message of that event about that request."""
        wanted = f"{hold_id}:{event}:"

        def about(deliveries: list[Delivery]) -> list[Delivery]:
            return [d for d in deliveries if d.headers.get("Govproxy-Delivery", "").startswith(wanted)]

        return about(self.wait(lambda deliveries: bool(about(deliveries))))[0]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that takes everything, until told otherwise. ``hang``: set, and answers wait until it is cleared."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.deliveries.append(Delivery(path=self.path, headers=dict(self.headers), body=body))
            while receiver.hang.is_set():
                time.sleep(0.02)
            status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            try:
                self.send_response(status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                return  # whoever asked has given up

        def do_GET(self) -> None:
            receiver.deliveries.append(Delivery(path=self.path, headers=dict(self.headers), body=b""))

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="receiver")
    thread.start()
    try:
        yield receiver
    finally:
        receiver.hang.clear()
        server.shutdown()
        thread.join()
        server.server_close()
