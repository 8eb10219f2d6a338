"""One client, from accept to the hand-over to the data plane, as a story.

Who is it, may it in, where does it go, what does it get told first. After the hand-over the
engine owns both sockets, and what is left here is to tidy up when the session ends.
"""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.engine import Link
from govproxy.audit import events
from govproxy.config.settings import is_loopback
from govproxy.errors import GovproxyError, InternalError, ShuttingDown, UpstreamFault
from govproxy.identity.methods import ConnectionFacts
from govproxy.server.channel import Channel
from govproxy.server.listener import Ticket
from govproxy.server.upstream import UpstreamReady, UpstreamTarget, connect_upstream
from govproxy.session.cancel import CancelKey
from govproxy.session.gate import Gate, SessionFacts
from govproxy.session.link import SessionInfo
from govproxy.session.login import Cancel, Established, Login, Refuse, Send, StartTls
from govproxy.wire.backend import encode_backend_key_data, encode_parameter_status, encode_ready_for_query
from govproxy.wire.errors import error_response
from govproxy.wire.startup import CancelRequest

if TYPE_CHECKING:
    from govproxy.server.worker import Worker

FAREWELL_TIMEOUT_S = 2.0

log = structlog.get_logger("govproxy.session")


@dataclass(slots=True, kw_only=True)
class Session:
    """One live session, from the proven identity to its end."""

    facts: SessionFacts
    who: dict[str, object]
    gate: Gate
    key: CancelKey
    ticket: Ticket
    started: float
    link: Link | None = None
    reason: str = "disconnected"
    conversation: Conversation | None = field(default=None, repr=False)

    def info(self, worker: int) -> SessionInfo:
        """The session as ``govproxy sessions list`` shows it."""
        conversation, link, identity = self.conversation, self.link, self.facts.identity
        return SessionInfo(
            id=self.facts.session_id,
            worker=worker,
            database=self.facts.database,
            user=identity.user,
            groups=tuple(sorted(identity.groups)),
            agent=identity.agent,
            client=self.facts.client_address,
            application=self.facts.application,
            started=self.started,
            statements=conversation.number if conversation else 0,
            state=_state(conversation),
            bytes_in=link.bytes_in if link else 0,
            bytes_out=link.bytes_out if link else 0,
        )


def _state(conversation: Conversation | None) -> str:
    if conversation is None:
        return "login"
    if conversation.parked:
        return "waiting"
    if conversation.outstanding:
        return "active"
    return "idle" if conversation.transaction_status == ord("I") else "transaction"


async def serve_client(worker: Worker, sock: socket.socket, address: Any) -> None:
    """Serve one accepted connection until it is handed over, refused or gone."""
    channel = Channel(sock)
    client = _printable(address)
    session_id = worker.new_session_id()
    ticket: Ticket | None = None
    try:
        try:
            ticket = worker.admission.admit()
            async with asyncio.timeout(worker.settings.limits.login_timeout_s):
                established = await _log_in(worker, channel, address, session_id)
                if established is None:
                    ticket.release()
                    return
                await _begin(worker, channel, established, session_id, client, ticket)
                ticket.logged_in()
        except TimeoutError:
            await _refuse(worker, channel, UpstreamFault("the login took too long"), session_id, client)
            raise
        except (GovproxyError, ConnectionError) as error:
            if isinstance(error, GovproxyError):
                await _refuse(worker, channel, error, session_id, client)
            raise
    except (GovproxyError, OSError, TimeoutError):
        if ticket is not None:
            ticket.release()
        await channel.close_gently(FAREWELL_TIMEOUT_S)
    except BaseException:
        if ticket is not None:
            ticket.release()
        channel.close()
        raise


# ---------------------------------------------------------------------- who is it


async def _log_in(worker: Worker, channel: Channel, address: Any, session_id: str) -> Established | None:
    """Drive the login machine. None: it was a cancel request, or the client went away or was refused."""
    local = not isinstance(address, tuple) or is_loopback(str(address[0]))
    login = Login(
        worker.rules,
        ConnectionFacts(encrypted=False, local=local, unix_socket=not isinstance(address, tuple)),
        nonce=worker.nonce,
        request_id=session_id,
    )
    data = await channel.read()
    while data:
        for action in login.feed(data):
            match action:
                case Send(data=reply):
                    await channel.write(reply)
                case StartTls(reply=reply, already_read=already_read):
                    await channel.write(reply)
                    tls = await channel.start_tls(
                        worker.server_tls.context, server_side=True, already_read=already_read
                    )
                    for after in login.feed_tls_established(alpn=tls.alpn, binding=worker.server_tls.binding):
                        if isinstance(after, Refuse):
                            await _refused(worker, channel, login, after, session_id, address)
                            return None
                case Cancel(request=request):
                    await _cancel(worker, request)
                    channel.close()
                    return None
                case Refuse():
                    await _refused(worker, channel, login, action, session_id, address)
                    return None
                case Established():
                    return action
                case _:
                    raise InternalError(f"unknown login action {type(action).__name__}")
        data = await channel.read()
    channel.close()
    return None


async def _refused(
    worker: Worker, channel: Channel, login: Login, refusal: Refuse, session_id: str, address: Any
) -> None:
    # In the ledger first: whoever guesses passwords leaves a trace even if he never reads the answer.
    startup = login.startup
    worker.ledger.record(
        events.auth_failure(
            client=_printable(address),
            sqlstate=refusal.error.sqlstate,
            reason=refusal.error.message,
            session_id=session_id,
            database=startup.database if startup else None,
            user=startup.user if startup else None,
            application=startup.application if startup else None,
        )
    )
    await channel.write(refusal.data)
    await channel.close_gently(FAREWELL_TIMEOUT_S)


async def _refuse(worker: Worker, channel: Channel, error: GovproxyError, session_id: str, client: str) -> None:
    log.info("client refused", session=session_id, sqlstate=error.sqlstate, reason=error.message)
    try:
        await channel.write(error_response(error, severity="FATAL", request_id=session_id))
    except (OSError, GovproxyError):
        pass  # nobody is listening any more; the reason is in the log


async def _cancel(worker: Worker, request: CancelRequest) -> None:
    # Security: nothing is answered, whether or not the key was right.
    await worker.cancel(request.pid, request.secret)


# ---------------------------------------------------------------------- in and on


async def _begin(
    worker: Worker, channel: Channel, established: Established, session_id: str, client: str, ticket: Ticket
) -> None:
    """Record, connect upstream, tell the client, hand over."""
    startup, identity = established.startup, established.identity
    application = startup.application or ""
    who = events.session_fields(identity, session_id, startup.database, client, application)
    # A database nobody has looked at cannot be governed: refuse before anything is promised.
    worker.shared.database(startup.database)
    target = worker.targets[startup.database]
    worker.ledger.record(events.session_start(who, identity.method.value))
    began = time.monotonic()
    try:
        upstream = await connect_upstream(
            target,
            identity,
            startup,
            connect_timeout_s=worker.settings.limits.connect_timeout_s,
            login_timeout_s=worker.settings.limits.login_timeout_s,
        )
    except GovproxyError as error:
        log.warning("upstream refused", session=session_id, reason=error.message, cause=_cause(error))
        worker.ledger.record(events.session_end(who, error.sqlstate, 0, _elapsed_us(began)))
        raise
    try:
        session = _session(worker, established, session_id, client, who, ticket, upstream, target)
    except BaseException:
        upstream.channel.close()
        raise
    try:
        await channel.write(_greeting(established, upstream, session.key, application))
    except BaseException:
        upstream.channel.close()
        worker.forget(session)
        worker.ledger.record(events.session_end(who, "disconnected", 0, _elapsed_us(began)))
        raise
    _hand_over(worker, session, channel, upstream, established.remaining, began)


def _session(
    worker: Worker,
    established: Established,
    session_id: str,
    client: str,
    who: dict[str, object],
    ticket: Ticket,
    upstream: UpstreamReady,
    target: UpstreamTarget,
) -> Session:
    startup = established.startup
    facts = SessionFacts(
        session_id=session_id,
        database=startup.database,
        identity=established.identity,
        application=startup.application or "",
        client_address=client,
    )
    gate = Gate(
        worker.shared,
        facts,
        search_path=upstream.search_path,
        client_encoding=upstream.client_encoding,
        clock=time.time,
    )
    key = worker.cancel_keys.register(
        (target, upstream.backend_pid, upstream.backend_secret), minor=startup.minor
    )
    return Session(facts=facts, who=who, gate=gate, key=key, ticket=ticket, started=time.time())


def _greeting(established: Established, upstream: UpstreamReady, key: CancelKey, application: str) -> bytes:
    # The database's own parameters, but the application's own name, and never its cancel key.
    parameters = {**upstream.parameters, "application_name": application.encode()}
    return b"".join(
        (
            established.greeting,
            *(encode_parameter_status(name, value) for name, value in parameters.items()),
            encode_backend_key_data(key.pid, key.secret),
            encode_ready_for_query(upstream.transaction_status),
        )
    )


def _hand_over(
    worker: Worker, session: Session, channel: Channel, upstream: UpstreamReady, remaining: bytes, began: float
) -> None:
    """From here on no Python runs for a cached statement."""
    limits = worker.settings.limits
    conversation = Conversation(
        gate=session.gate,
        cache=worker.shared.cache,
        ledger=worker.ledger.writer,
        sinks=worker.engine.sinks,
        session_id=session.facts.session_id.encode(),
        session_fragment=events.session_fragment(
            session.facts.identity,
            session.facts.session_id,
            session.facts.database,
            session.facts.client_address,
            session.facts.application,
        ),
        context_id=session.gate.context_id(),
        clear=session.gate.clear,
        max_message_bytes=limits.max_message_bytes,
        max_names=limits.max_statements,
    )
    session.conversation = conversation
    client_socket, client_tls, client_leftover = channel.detach()
    server_socket, server_tls, server_leftover = upstream.channel.detach()

    def describe_failure(error: Exception) -> bytes:
        return _describe_failure(session, error)

    def on_closed(link: Link) -> None:
        worker.forget(session)
        worker.ledger.record(
            events.session_end(session.who, session.reason, conversation.number, _elapsed_us(began))
        )

    session.gate.attach(conversation, None)
    worker.remember(session)
    session.link = worker.engine.link(
        conversation,
        client=client_socket,
        client_tls=client_tls,
        server=server_socket,
        server_tls=server_tls,
        on_closed=on_closed,
        describe_failure=describe_failure,
        on_linked=lambda link: session.gate.attach(conversation, link),
        client_leftover=remaining + client_leftover,
        server_leftover=upstream.leftover + server_leftover,
    )


def _describe_failure(session: Session, error: Exception) -> bytes:
    """What ends a session: logged with its trace if it is our bug, and told to the client."""
    known = isinstance(error, GovproxyError) and not isinstance(error, InternalError)
    session.reason = error.sqlstate if isinstance(error, GovproxyError) else InternalError.sqlstate
    if isinstance(error, ShuttingDown):
        session.reason = "drained"
    if known:
        log.info("session ended", session=session.facts.session_id, reason=session.reason, message=str(error))
    else:
        log.error("session ended by an error of ours", session=session.facts.session_id, exc_info=error)
    return error_response(error, severity="FATAL", request_id=session.facts.session_id)


def _elapsed_us(began: float) -> int:
    return round((time.monotonic() - began) * 1_000_000)


def _cause(error: BaseException) -> str | None:
    return type(error.__cause__).__name__ if error.__cause__ else None


def _printable(address: Any) -> str:
    if isinstance(address, tuple):
        host, port = str(address[0]), address[1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return "unix"
