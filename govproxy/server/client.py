"""One client after the door: recorded, let in, handed to the data plane, tidied up behind.

The front door has proven the identity and reached the database. Here the session gets its gate and
its conversation; after the hand-over the engine owns both sockets and no Python runs for a cached
statement.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.engine import Link
from govproxy.audit import events
from govproxy.errors import GovproxyError, InternalError, ShuttingDown, TooManyConnections
from govproxy.identity.identity import shared_identity
from govproxy.server.front_door import Guest, Handover, LoginFailure
from govproxy.server.listener import Ticket
from govproxy.session import timeouts
from govproxy.session.cancel import CancelKey
from govproxy.session.gate import Gate, SessionFacts
from govproxy.session.imposing import relevant
from govproxy.session.link import SessionInfo
from govproxy.session.log import get_logger
from govproxy.wire.errors import error_response

if TYPE_CHECKING:
    from govproxy.server.worker import Worker

STYLES = ("DateStyle", "IntervalStyle", "TimeZone")

log = get_logger("govproxy.session")


@dataclass(slots=True, kw_only=True)
class Session:
    """One live session. ``reason`` is what ``session_end`` will say."""

    worker: Worker
    facts: SessionFacts
    cancel_key: CancelKey
    ticket: Ticket | None
    gate: Gate
    conversation: Conversation
    began: float  # monotonic, seconds
    link: Link | None = None
    reason: str = "disconnected"

    @property
    def who(self) -> dict[str, object]:
        """The session's part of its ledger events."""
        facts = self.facts
        return events.session_fields(
            facts.identity, facts.session_id, facts.database, facts.client_address, facts.application
        )

    def info(self, worker: int) -> SessionInfo:
        """The session as ``govproxy sessions list`` shows it."""
        facts, link = self.facts, self.link
        return SessionInfo(
            id=facts.session_id,
            worker=worker,
            database=facts.database,
            user=facts.identity.user,
            groups=tuple(sorted(facts.identity.groups)),
            agent=facts.identity.agent,
            client=facts.client_address,
            application=facts.application,
            started=time.time() - (time.monotonic() - self.began),
            statements=self.conversation.number,
            state=_state(self.conversation),
            bytes_in=link.bytes_in if link else 0,
            bytes_out=link.bytes_out if link else 0,
        )

    # ------------------------------------------------------------------ for the engine

    def linked(self, link: Link) -> None:
        """The engine moves its bytes from here on."""
        self.link = link
        self.gate.attach(self.conversation, link)

    def closed(self) -> None:
        """Both connections are closed."""
        _end(self.worker, self)

    def last_words(self, error: Exception) -> bytes:
        """What the client is told about the error that ends the session."""
        return _last_words(self, error)


async def serve_client(worker: Worker, sock: socket.socket, address: Any) -> None:
    """See one accepted connection through the door and into the data plane."""
    session_id = worker.new_session_id()
    guest = await worker.door.welcome(sock, address, request_id=session_id)
    if guest is None:
        return
    try:
        await worker.enter(session_id, guest.identity, guest.startup.database)
        session = _session(worker, guest, session_id)
        # In the ledger before the client reads its first ReadyForQuery.
        worker.ledger.record(events.session_start(session.who, guest.identity.method.value))
    except GovproxyError as error:
        worker.leave(session_id)
        if isinstance(error, TooManyConnections):
            failure = LoginFailure(error=error, address=guest.address, startup=guest.startup, identity=guest.identity)
            record_failure(worker, failure)
        else:
            log.warning("client refused", session=session_id, sqlstate=error.sqlstate, reason=error.message)
        await guest.refuse(error)
        return
    except BaseException as error:
        worker.leave(session_id)
        await guest.refuse(InternalError(type(error).__name__))
        raise
    try:
        handover = await guest.admit()
    except OSError:
        _end(worker, session)
        return
    _hand_over(worker, session, handover)


def record_failure(worker: Worker, failure: LoginFailure) -> None:
    """Whoever was turned away leaves a trace, even if the answer is never read."""
    startup, error = failure.startup, failure.error
    worker.shared.counters.logins_refused += 1
    log.info("client refused", sqlstate=error.sqlstate, reason=error.message, cause=_cause(error))
    worker.ledger.record(
        events.auth_failure(
            client=str(failure.address),
            sqlstate=error.sqlstate,
            reason=error.message,
            database=startup.database if startup else None,
            user=failure.identity.user if failure.identity else startup.user if startup else None,
            application=startup.application if startup else None,
        )
    )


def _session(worker: Worker, guest: Guest, session_id: str) -> Session:
    upstream, limits = guest.upstream, worker.settings.limits
    facts = SessionFacts(
        session_id=session_id,
        database=sys.intern(guest.startup.database),
        identity=shared_identity(guest.identity),
        application=sys.intern(guest.startup.application or ""),
        client_address=str(guest.address),
    )
    gate = Gate(
        worker.shared,
        facts,
        search_path=None if upstream.search_path is None else _same(upstream.search_path),
        client_encoding=upstream.client_encoding,
        clock=time.time,
        styles=_styles(upstream.parameters),
        statement_timeout_s=timeouts.seconds(guest.settings.get(timeouts.SETTING)),
        asked=relevant(guest.startup.settings),
        began=relevant(guest.settings),
    )
    conversation = Conversation(
        gate=gate,
        cache=worker.shared.cache,
        ledger=worker.ledger.writer,
        sinks=worker.engine.sinks,
        session_id=session_id.encode(),
        session_fragment=events.session_fragment(
            facts.identity, session_id, facts.database, facts.client_address, facts.application
        ),
        context_id=gate.context_id(),
        clear=gate.clear,
        folds=gate.folds,
        max_message_bytes=limits.max_message_bytes,
        max_names=limits.max_statements,
    )
    return Session(
        worker=worker,
        facts=facts,
        cancel_key=guest.cancel_key,
        ticket=guest.ticket,
        gate=gate,
        conversation=conversation,
        began=time.monotonic(),
    )


def _styles(parameters: Mapping[str, bytes]) -> tuple[str, ...]:
    """The settings by which literals are read, as name=value."""
    shown = [f"{name}={parameters[name].decode('latin-1')}" for name in STYLES if name in parameters]
    return _same(tuple(sorted(shown)))


@lru_cache(maxsize=64)
def _same(words: tuple[str, ...]) -> tuple[str, ...]:
    # Nearly all sessions have the same: they share one.
    return words


def _hand_over(worker: Worker, session: Session, handover: Handover) -> None:
    worker.remember(session)
    worker.engine.link(
        session.conversation,
        client=handover.client,
        client_tls=handover.client_tls,
        server=handover.upstream,
        server_tls=handover.upstream_tls,
        owner=session,
        client_leftover=handover.client_leftover,
        server_leftover=handover.upstream_leftover,
    )


def _end(worker: Worker, session: Session) -> None:
    worker.forget(session)
    worker.door.part_with(session.cancel_key, session.ticket)
    link = session.link
    worker.shared.counters.ended(
        session.conversation.number, link.bytes_in if link else 0, link.bytes_out if link else 0
    )
    elapsed_us = round((time.monotonic() - session.began) * 1_000_000)
    worker.ledger.record(events.session_end(session.who, session.reason, session.conversation.number, elapsed_us))


def _last_words(session: Session, error: Exception) -> bytes:
    """FATAL for what ends a session; logged with its trace where it is our bug."""
    session.reason = error.sqlstate if isinstance(error, GovproxyError) else InternalError.sqlstate
    if isinstance(error, ShuttingDown):
        session.reason = "drained"
    if isinstance(error, GovproxyError) and not isinstance(error, InternalError):
        log.info("session ended", session=session.facts.session_id, reason=session.reason, message=error.message)
    else:
        log.error("session ended by an error of ours", session=session.facts.session_id, exc_info=error)
    return error_response(error, severity="FATAL", request_id=session.facts.session_id)


def _state(conversation: Conversation) -> str:
    if conversation.parked:
        return "waiting"
    if conversation.outstanding:
        return "active"
    return "idle" if conversation.transaction_status == ord("I") else "transaction"


def _cause(error: BaseException) -> str | None:
    return type(error.__cause__).__name__ if error.__cause__ else None
