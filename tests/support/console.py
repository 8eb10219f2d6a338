"""A console with real approvals over a real store, on a loop of its own, for tests over HTTP."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from govproxy.approvals.values import Hold, Standing
from govproxy.audit.keys import SigningKey
from govproxy.config.loader import load
from govproxy.console.server import ConsoleServer
from govproxy.console.webhooks import Pace, Webhooks
from govproxy.control.approvals import Approvals
from govproxy.control.grants import Grants
from govproxy.control.review import Reviewer
from govproxy.control.state.once import taker
from govproxy.control.state.store import StateStore, open_store
from govproxy.demo.certificates import make_authority
from govproxy.demo.files import write_private
from govproxy.demo.postgres import free_port
from govproxy.identity.keys import generate_signing_key, load_signing_key
from govproxy.identity.minting import mint
from govproxy.policy.rules import MayGrant
from govproxy.session.figures import WorkerFigures
from tests.support.waiting import DEADLINE_S
from tests.unit.approvals.building import SUBJECT, hold

T = TypeVar("T")
PACE = Pace(
    attempts=3,
    first_pause_s=0.05,
    longest_pause_s=0.1,
    attempt_timeout_s=DEADLINE_S,
    first_rest_s=0.05,
    longest_rest_s=0.1,
    keep_s=600.0,
)
ISSUER = "https://console.example"
CONFIG = """\
databases: {{shop: {{upstream: "postgresql://u@127.0.0.1/shop", environment: production}}}}
identity: {{tokens: [{{issuer: "{issuer}", audience: govproxy, signing_key: {{file: dev.pem}}}}]}}
console: {{listen: "{host}:{port}"{tls}}}
state: sqlite:///state.db
"""


class Workers:
    """None that answer."""

    async def figures(self) -> list[WorkerFigures]:
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def word(self) -> str:
        word: str = self.json["error"]["word"]
        return word


class Console:
    """Runs from `running` on. ``at`` is its address without a slash at the end."""

    def __init__(
        self, folder: Path, extra: str, *, host: str = "127.0.0.1", tls: bool = False, pace: Pace = PACE
    ) -> None:
        self.port = free_port()
        self.at = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        handlers: list[urllib.request.BaseHandler] = [_Stay(), urllib.request.ProxyHandler({})]
        if tls:
            handlers.append(urllib.request.HTTPSHandler(context=_certified(folder)))
        self._opener = urllib.request.build_opener(*handlers)
        # A second one in the same folder is the same instance, restarted.
        if not (folder / "dev.pem").exists():
            write_private(folder / "dev.pem", generate_signing_key())
        self._signing_key = (folder / "dev.pem").read_bytes()
        config = folder / "govproxy.yaml"
        files = ", tls: {certificate: console.crt, private_key: console.key}" if tls else ""
        config.write_text(CONFIG.format(issuer=ISSUER, port=self.port, host=host, tls=files) + extra)
        self.settings = load(config)
        self.key = SigningKey.generate()
        self.issuer: str | None = ISSUER
        self.terms: dict[str, MayGrant | None] = {}
        self.loop = asyncio.new_event_loop()
        self.reviewer = Reviewer(lambda database: None)
        self.webhooks = Webhooks(self.settings, now=time.time, pace=pace)
        self.server = ConsoleServer(
            self.settings,
            Workers(),
            looks=self.reviewer,
            webhooks=self.webhooks,
            public_key=self.key.public,
        )
        self.approvals: Approvals
        self.store: StateStore
        self.grants: Grants

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the console's loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE_S)

    async def up(self) -> None:
        self.store = await open_store(self.settings)
        self.approvals = Approvals(self.store, self.key, clock=time.time)
        take = taker(self.store, clock=time.time)
        self.approvals.keep_with(self.webhooks.keep)
        self.approvals.listen(self.webhooks.changed)
        self.webhooks.start(self.store)
        self.grants = Grants(
            self.store,
            self.key.public,
            clock=time.time,
            publish=lambda grants: None,
            record=lambda standing, status, by, reason: None,
        )
        self.approvals.grant_with(lambda: self.terms, self.grants.refresh)
        self.server.attach(self.approvals, self.grants, take)
        await self.approvals.start()
        await self.server.start()

    async def down(self) -> None:
        await self.server.stop()
        await self.webhooks.stop()
        await self.reviewer.stop()
        await self.approvals.stop()
        await self.store.close()

    def token(self, user: str, *groups: str, agent: str | None = None, **changes: Any) -> str:
        """A token of the configured issuer, unless ``changes`` say otherwise."""
        given: dict[str, Any] = {"issuer": ISSUER, "audience": "govproxy", "now": time.time()}
        key = load_signing_key(changes.pop("key", self._signing_key))
        return mint(key, user=user, groups=groups, agent=agent, **(given | changes))

    def ask(self, **changes: Any) -> Standing:
        """Ask for an approval now, for a minute unless ``changes`` say otherwise."""
        now = time.time()
        another = replace(SUBJECT, digest=secrets.token_hex(32))
        asked: Hold = hold(**({"asked": now, "deadline": now + 60, "subject": another} | changes))
        # The tests' people have the issuer that tokens here are of.
        asked = replace(asked, requester=replace(asked.requester, issuer=self.issuer))
        return self.run(self.approvals.ask(asked))

    def get(self, path: str, token: str | None = None, **headers: str) -> Said:
        return self.send("GET", path, None, token=token, headers=headers)

    def post(self, path: str, value: object, token: str | None = None, **headers: str) -> Said:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.send("POST", path, body, token=token, headers={"Content-Type": "application/json"} | headers)

    def send(
        self, method: str, path: str, body: bytes | None, *, token: str | None, headers: Mapping[str, str]
    ) -> Said:
        asked = urllib.request.Request(self.at + path, data=body, method=method)
        for name, value in headers.items():
            asked.add_header(name, value)
        if token is not None:
            asked.add_header("Authorization", f"Bearer {token}")
        try:
            with self._opener.open(asked, timeout=DEADLINE_S) as answer:
                return Said(status=answer.status, headers=dict(answer.headers), body=answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Said(status=error.code, headers=dict(error.headers), body=error.read())


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _certified(folder: Path) -> ssl.SSLContext:
    """Makes the console's certificate; gives what trusts it."""
    authority = make_authority("govproxy console")
    pair = authority.issue(names=("localhost",), addresses=("127.0.0.1",))
    (folder / "console.crt").write_bytes(pair.certificate)
    write_private(folder / "console.key", pair.private_key)
    return ssl.create_default_context(cadata=authority.certificate.decode())


@contextmanager
def running(folder: Path, extra: str = "", **options: Any) -> Iterator[Console]:
    """A console in ``folder``; ``extra`` is added to its govproxy.yaml. Options: ``host``, ``tls``, ``pace``."""
    console = Console(folder, extra, **options)
    thread = threading.Thread(target=console.loop.run_forever, name="console")
    thread.start()
    try:
        console.run(console.up())
        try:
            yield console
        finally:
            console.run(console.down())
    finally:
        console.loop.call_soon_threadsafe(console.loop.stop)
        thread.join()
        console.loop.close()
