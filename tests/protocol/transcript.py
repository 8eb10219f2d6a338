"""Transcripts of conversations: what each side says, and what the proxy makes of it.

One file holds one conversation. A turn is what one side sends (``F>`` the client, ``B>`` the
database, ``G>`` the gate) and what then must leave (``->B`` to the database, ``->F`` to the client,
``->L`` to the ledger). Each is replayed three ways: message by message, byte by byte, and with the
messages of a turn joined; all must give the same bytes.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from govproxy._fastpath.columnplan import ColumnPlan
from govproxy._fastpath.conversation import Conversation
from govproxy._fastpath.copyguard import CopyGuard
from govproxy._fastpath.ledger import LedgerWriter
from govproxy._fastpath.rows import MaskPlan
from govproxy._fastpath.sinks import Sinks
from govproxy._fastpath.verdicts import Outcome, Verdict, VerdictCache
from govproxy.audit.read import read_segment

HASH_KEY = b"\2" * 32
WATCHED = CopyGuard(
    format="csv", delimiter=b",", quote=b'"', escape=b'"', watched={1: ("t.c", lambda value: value == b"masked")}
)
REFUSED = b"E" + (4 + 12).to_bytes(4, "big") + b"SERROR\0C42\0\0"
LOCAL_ERROR = b"E" + (4 + 12).to_bytes(4, "big") + b"SERROR\0CXX\0\0"
FAILING_TEXT = b"govproxy refused this statement\0"
WITHHELD = b"Mwithheld\0\0"


def message(tag: str, body: bytes) -> bytes:
    """A whole message."""
    return tag.encode() + (len(body) + 4).to_bytes(4, "big") + body


def _z(text: str) -> bytes:
    return text.encode() + b"\0"


def _value(text: str) -> bytes:
    if text == "NULL":
        return b"\xff\xff\xff\xff"
    return len(text.encode()).to_bytes(4, "big") + text.encode()


def _codes(text: str) -> bytes:
    codes = [int(code) for code in text.split(",") if code]
    return len(codes).to_bytes(2, "big") + b"".join(code.to_bytes(2, "big") for code in codes)


def _options(words: list[str]) -> tuple[list[str], dict[str, str]]:
    options = dict(word.split("=", 1) for word in words if "=" in word and word.split("=", 1)[0].isidentifier())
    return [word for word in words if not ("=" in word and word.split("=", 1)[0].isidentifier())], options


def frontend(words: list[str]) -> bytes:
    """A client's message from its words."""
    name, *rest = words
    rest, options = (rest, {}) if name in ("Query", "Parse") else _options(rest)
    match name:
        case "Query":
            return message("Q", _z(rest[0]))
        case "Parse":
            return message("P", _z(rest[0]) + _z(rest[1]) + b"\0\0")
        case "Bind":
            portal, statement, *values = rest
            body = _z(portal) + _z(statement) + _codes("") + len(values).to_bytes(2, "big")
            return message("B", body + b"".join(map(_value, values)) + _codes(options.get("formats", "")))
        case "Describe" | "Close":
            return message(name[0], rest[0].encode() + _z(rest[1]))
        case "Execute":
            return message("E", _z(rest[0]) + int(options.get("rows", "0")).to_bytes(4, "big"))
        case "Sync":
            return message("S", b"")
        case "Flush":
            return message("H", b"")
        case "CopyData":
            return message("d", rest[0].encode())
        case "CopyDone":
            return message("c", b"")
        case "CopyFail":
            return message("f", _z(rest[0]))
        case "FunctionCall":
            return message("F", int(rest[0]).to_bytes(4, "big") + b"\0\0" * 3)
        case "Terminate":
            return message("X", b"")
        case "FailingQuery":
            return message("Q", FAILING_TEXT)
        case "FailingParse":
            return message("P", b"\0" + FAILING_TEXT + b"\0\0")
        case _:
            raise ValueError(f"no frontend message {name}")


def backend(words: list[str]) -> bytes:
    """A database's message from its words."""
    name, *rest = words
    simple = {
        "ParseComplete": "1",
        "BindComplete": "2",
        "CloseComplete": "3",
        "NoData": "n",
        "PortalSuspended": "s",
        "EmptyQueryResponse": "I",
        "CopyDone": "c",
    }
    if name in simple:
        return message(simple[name], b"")
    match name:
        case "RowDescription":
            fields = []
            for column in rest:
                label, oid, attnum, form = (*column.split(":"), "0", "0", "0")[:4]
                fields.append(
                    _z(label)
                    + int(oid).to_bytes(4, "big")
                    + int(attnum).to_bytes(2, "big")
                    + (25).to_bytes(4, "big")
                    + b"\xff\xff"
                    + b"\xff\xff\xff\xff"
                    + int(form).to_bytes(2, "big")
                )
            return message("T", len(fields).to_bytes(2, "big") + b"".join(fields))
        case "DataRow":
            return message("D", len(rest).to_bytes(2, "big") + b"".join(map(_value, rest)))
        case "CommandComplete":
            return message("C", _z(rest[0]))
        case "ReadyForQuery":
            return message("Z", rest[0].encode())
        case "ErrorResponse":
            return message("E", _z("SERROR") + _z("VERROR") + _z("C" + rest[0]) + _z("M" + rest[1]) + b"\0")
        case "Fatal":
            return message("E", _z("SFATAL") + _z("VFATAL") + _z("C" + rest[0]) + _z("M" + rest[1]) + b"\0")
        case "NoticeResponse":
            return message("N", _z("SNOTICE") + _z("VNOTICE") + _z("C00000") + _z("M" + rest[0]) + b"\0")
        case "NotificationResponse":
            return message("A", b"\0\0\0\1" + _z(rest[0]) + _z(rest[1]))
        case "ParameterStatus":
            return message("S", _z(rest[0]) + _z(rest[1]))
        case "ParameterDescription":
            return message("t", len(rest).to_bytes(2, "big") + b"".join(int(o).to_bytes(4, "big") for o in rest))
        case "CopyInResponse":
            return message("G", b"\0\0\0")
        case "CopyOutResponse":
            return message("H", b"\0\0\0")
        case "CopyBothResponse":
            return message("W", b"\0\0\0")
        case "CopyData":
            return message("d", rest[0].encode())
        case "FunctionCallResponse":
            return message("V", _value(rest[0]))
        case "Refused":
            return REFUSED
        case "LocalError":
            return LOCAL_ERROR
        case "Withheld":
            return message(rest[0], WITHHELD)
        case _:
            raise ValueError(f"no backend message {name}")


@dataclass
class StubGate:
    """Judges by words in the text, so that a transcript says itself what it is about.

    ``forbidden`` denies, ``secret`` masks every column to ``***``, ``later`` parks until ``G>``,
    ``setting`` changes the session, ``copyin`` and ``copyout`` copy, ``watched`` takes
    no ``masked`` in its second column.
    """

    clear: bool = False
    writes: bool = False
    asked: list[bytes] = field(default_factory=list)
    descriptions: list[bytes] = field(default_factory=list)

    def judge(self, conversation: Conversation, text: bytes) -> Verdict | None:
        self.asked.append(text)
        if b"later" in text:
            return None
        return self.verdict(conversation, text)

    def verdict(self, conversation: Conversation, text: bytes, denied: bool = False) -> Verdict:
        denied = denied or b"forbidden" in text
        return Verdict(
            outcome=Outcome.DENY if denied else Outcome.ALLOW,
            text=text,
            context_id=conversation.context_id,
            fragment=b'"sql":'
            + orjson.dumps(text.decode())
            + b',"decision":"'
            + (b"deny" if denied else b"allow")
            + b'"',
            clear=self.clear,
            returns_rows=b"norows" not in text,
            copies_in=b"copyin" in text,
            writes=self.writes,
            copy_guard=WATCHED if b"watched" in text else None,
            copies_out=b"copyout" in text,
            tainted=b"secret" in text,
            changes_session=b"setting" in text,
            changes_catalog=b"create" in text,
            cacheable=b"later" not in text,
        )

    def masked_value_copied(self, conversation: Conversation, column: str, number: int) -> bytes:
        return REFUSED

    def function_call(self, conversation: Conversation, oid: int) -> Verdict:
        return self.verdict(conversation, b"function", denied=oid != 42)

    def refusal(self, conversation: Conversation, verdict: Verdict, number: int) -> bytes:
        return REFUSED

    def error(self, error: Exception) -> bytes:
        return LOCAL_ERROR

    def plan(self, conversation: Conversation, verdict: Verdict, description: bytes) -> MaskPlan:
        self.descriptions.append(description)
        count = int.from_bytes(description[:2], "big") if description else 0
        op = "constant" if b"secret" in verdict.text else "pass"
        return MaskPlan([ColumnPlan(op, constant=b"***") for _ in range(count)])

    def session_changed(self, conversation: Conversation, verdict: Verdict) -> None:
        conversation.context_id += 1

    def catalog_changed(self, conversation: Conversation) -> None:
        conversation.context_id += 1

    def parameter_status(self, conversation: Conversation, payload: bytes) -> None:
        pass

    def scan_message(self, conversation: Conversation, payload: bytes) -> bytes:
        return payload

    def rewrite_error(self, conversation: Conversation, payload: bytes, at_parse: bool) -> bytes:
        return payload if at_parse else WITHHELD

    def rewrite_notice(self, conversation: Conversation, payload: bytes) -> bytes:
        return WITHHELD

    def rewrite_notification(self, conversation: Conversation, payload: bytes) -> bytes:
        return payload[:4] + payload[4:].split(b"\0")[0] + b"\0\0"


class Stage:
    """A conversation with a stub gate and a ledger that writes into a file."""

    def __init__(self, path: Path, *, clear: bool = False, gate: StubGate | None = None, **options: Any) -> None:
        self.path = path
        self.file = path.open("w+b", buffering=0)
        self.ledger = LedgerWriter(hash_key=HASH_KEY)
        self.ledger.open(self.file.fileno())
        self.gate = StubGate(clear=clear) if gate is None else gate
        self.cache = VerdictCache(1 << 20, b"0123456789abcdef")
        self.conversation = Conversation(
            gate=self.gate,
            cache=self.cache,
            ledger=self.ledger,
            sinks=Sinks(),
            session_id=b"s",
            session_fragment=b'"session":"s","user":"ana"',
            context_id=1,
            clear=clear,
            **options,
        )

    def lines(self) -> list[dict[str, Any]]:
        """The ledger's lines so far."""
        self.ledger.flush_now()
        return [dict(entry.event) for entry in read_segment(self.path)]

    def close(self) -> None:
        """Give the file back."""
        self.file.close()


@dataclass
class Turn:
    """One side speaks, and what must come of it."""

    side: str
    said: list[bytes]
    line: int
    to_backend: bytes = b""
    to_frontend: bytes = b""
    ledger: list[str] = field(default_factory=list)


def parse(path: Path) -> tuple[dict[str, bool], list[Turn]]:
    """A transcript's options (``! clear``) and turns."""
    turns: list[Turn] = []
    options: dict[str, bool] = {}
    expecting = True
    for number, raw in enumerate(path.read_text().splitlines(), 1):
        if not raw.strip() or raw.startswith("#"):
            continue
        words = shlex.split(raw)
        match words[0]:
            case "!":
                options[words[1]] = True
            case "F>" | "B>" | "G>" as side:
                if expecting or turns[-1].side != side or side == "G>":
                    turns.append(Turn(side=side, said=[], line=number))
                expecting = False
                encode = {"F>": frontend, "B>": backend, "G>": lambda w: w[0].encode()}[side]
                turns[-1].said.append(encode(words[1:]))
            case "->B":
                expecting = True
                turns[-1].to_backend += frontend(words[1:])
            case "->F":
                expecting = True
                turns[-1].to_frontend += backend(words[1:])
            case "->L":
                expecting = True
                turns[-1].ledger.append(" ".join(words[1:]))
            case other:
                raise ValueError(f"{path}:{number}: {other}")
    return options, turns


def ledger_note(line: dict[str, Any]) -> str:
    """A ledger line as transcripts write it."""
    if line["event"] == "statement":
        return f"statement {line['id']} {line['decision']}"
    state = f" {line['sqlstate']}" if line["sqlstate"] else ""
    return f"outcome {line['id']} {line['status']}{state} rows={line['rows']} masked={line['masked_values']}"
