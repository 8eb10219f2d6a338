"""What tests of held statements share: a proxy with holds, statements run aside, and people who decide."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg

from govproxy.config.loader import load
from govproxy.control.admin import ask
from tests.support.proxy import Proxy
from tests.support.waiting import DEADLINE_S, until

POLICY = """\
extends: production
rules:
  - {name: dba-changes-the-schema, who: {groups: [dba]}, does: [ddl], effect: allow, overrides: [any]}
  - {name: quick-%(extra)s, who: {groups: [quick]}, does: [delete], effect: hold, overrides: [any],
     approvers: {groups: [leads]}, hold: {timeout: 1s}}
  - {name: patiently, who: {groups: [patient]}, does: [delete], effect: hold, overrides: [any],
     approvers: {groups: [leads]}, hold: {timeout: 10m, in_transaction: 1m}}
  - {name: bots-come-back, who: {agents: true}, does: [delete], effect: hold, overrides: [agents-ask-before-writing],
     approvers: {groups: [leads]}, hold: {on_hold: refuse, uses: 2, valid: 1h}}
  - {name: briefly, who: {groups: [brief]}, does: [delete], effect: hold, overrides: [any],
     approvers: {groups: [leads]}, hold: {on_hold: refuse, valid: 1s}}
  - {name: deletes, who: {groups: [engineering]}, does: [delete], effect: hold, overrides: [any],
     approvers: {groups: [leads]}, hold: {timeout: 10m, in_transaction: 2s, notice_every: 1s}}
columns:
  - {name: dba-sees-everything, who: {groups: [dba]}, on: {tags: [any]}, see: clear, compare: any}
"""

ANA = ("ana@shop.example", ("engineering",))
PAT = ("pat@shop.example", ("patient",))
QUIRIN = ("quirin@shop.example", ("quick",))
BRITA = ("brita@shop.example", ("brief",))
LEA = ("lea@shop.example", ("leads",))
BOT = ("ana@shop.example", (), "report-bot")

Approval = dict[str, Any]


def policy(extra: str = "one") -> str:
    """The policy; another word makes another version of it."""
    return POLICY % {"extra": extra}


@contextmanager
def attended(proxy: Proxy, word: str = "") -> Iterator[Desk]:
    """A desk that refuses in the end whatever still waits, so that one failure is not the next one's.

    ``word``: only of what has it in its statement.
    """
    desk = Desk(proxy)
    yield desk
    for one in desk.requests(word, "waiting"):
        desk.decide(one["id"], "refuse")


class Desk:
    """The admin socket of a running proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.settings = load(proxy.folder / "govproxy.yaml")

    def requests(self, word: str, status: str | None = None) -> list[Approval]:
        """Requests whose statement has ``word`` in it."""
        found: list[Approval] = ask(self.settings, {"command": "approvals", "status": status, "limit": 1000})[
            "approvals"
        ]
        return [one for one in found if word in one["sql"]]

    def waiting(self, word: str) -> Approval:
        """The one that waits, once it does."""
        found: list[Approval] = until(lambda: self.requests(word, "waiting"))
        return found[0]

    def status(self, approval: str) -> str:
        return str(ask(self.settings, {"command": "approval", "id": approval})["approval"]["status"])

    def capsule(self, approval: str) -> dict[str, str]:
        return dict(ask(self.settings, {"command": "approval", "id": approval})["capsule"])

    def decide(
        self,
        approval: str,
        answer: str = "approve",
        who: tuple[Any, ...] = LEA,
        reason: str = "ticket 12",
        token: str | None = None,
    ) -> dict[str, Any]:
        token = self.proxy.token(*who) if token is None else token
        question = {"command": "decide", "id": approval, "answer": answer, "reason": reason, "token": token}
        return ask(self.settings, question)

    @contextmanager
    def store(self) -> Iterator[sqlite3.Connection]:
        """The state store itself, for who attacks it."""
        connection = sqlite3.connect(self.settings.state.removeprefix("sqlite:///"), timeout=10)
        try:
            with connection:
                yield connection
        finally:
            connection.close()


class Aside:
    """A statement that runs while the test goes on."""

    _pool = ThreadPoolExecutor(max_workers=128)

    def __init__(self, run: Callable[[], Any]) -> None:
        self._done: Future[Any] = self._pool.submit(run)

    @property
    def result(self) -> Any:
        return self._done.result(DEADLINE_S)

    @property
    def error(self) -> psycopg.Error:
        found = self._done.exception(DEADLINE_S)
        assert isinstance(found, psycopg.Error), found or self._done.result()
        return found

    @property
    def is_done(self) -> bool:
        return self._done.done()


def run(connection: psycopg.Connection[Any], statement: str, parameters: Any = None, **options: Any) -> Aside:
    """Run it; its result is the number of rows."""
    return Aside(lambda: connection.execute(statement, parameters, **options).rowcount)
