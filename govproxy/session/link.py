"""What the control process and a worker say to each other, as values and as bytes.

Frames of a four-byte length and a pickle, on a socket pair that was made before the worker was
started and that nobody else holds. Knows no sockets.

Security: pickles are read only from that inherited descriptor. Whoever can write to it already is
the parent process.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass

from govproxy.approvals.capsule import Capsule
from govproxy.approvals.rehearsals import Ran
from govproxy.approvals.values import Hold, Standing
from govproxy.config.settings import Settings
from govproxy.policy.grants import Grant
from govproxy.session.figures import WorkerFigures
from govproxy.session.history import Counted
from govproxy.session.redefining import Redefined
from govproxy.session.snapshot import Keys, Snapshot

HEADER_BYTES = 4
MAX_FRAME_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Control → worker, first: everything it needs."""

    worker: int
    settings: Settings
    snapshot: Snapshot
    keys: Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Worker → control: it listens."""

    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Control → worker: a new picture."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsInForce:
    """Control → worker: these grants stand, and no others."""

    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKeys:
    """Control → worker: the masking key was rotated."""

    keys: Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """To one worker: a file was not taken over; the policy of this version stays. For the ledger."""

    version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Worker → control: look at this database's catalog again; ``values``: whatever it holds by now."""

    database: str
    values: bool
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """Control → worker: done; a changed picture was published before."""

    database: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Both ways: DDL was committed through a worker; the others must not trust their picture either."""

    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redefining:
    """Both ways: what the open transaction of a session has redefined by now; None: it is over."""

    database: str
    session: str
    redefined: Redefined | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Both ways: one worker has counted something for a burst or the loop breaker; the others count it as well."""

    counted: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Both ways: a CancelRequest for a session of another worker."""

    pid: int
    secret: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """One live session, as ``govproxy sessions list`` shows it."""

    id: str
    worker: int
    database: str
    user: str
    groups: tuple[str, ...]
    agent: str | None
    client: str
    application: str
    started: float  # POSIX time
    statements: int
    state: str  # idle | active | transaction | waiting
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions:
    """Control → worker: who is there?"""

    request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Worker → control: the answer."""

    request: int
    sessions: tuple[SessionInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFigures:
    """Control → worker: what have you counted?"""

    request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Worker → control: the answer."""

    request: int
    figures: WorkerFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Control → worker: end a session, whatever it is doing."""

    request: int
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """Worker → control: whether there was such a session."""

    request: int
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Worker → control: a share of an identity's window is wanted, what is ``unused`` of the last comes back."""

    key: str
    limit: int
    want: int
    unused: int
    window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Control → worker: so many, and in ``again_s`` seconds there may be more."""

    key: str
    granted: int
    again_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter:
    """Worker → control: a place for one more session. ``limit`` 0: it is there already, only count it."""

    key: str
    session: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Control → worker: whether there is one."""

    session: str
    admitted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Worker → control: the session is over."""

    key: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskHold:
    """Worker → control: a statement needs an approval."""

    hold: Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldStands:
    """Control → worker: how the request that was asked as ``asked`` stands, at first and after each change.

    ``standing`` may be of an earlier request for the same. None: it cannot be kept, so nothing may run.
    """

    asked: str
    standing: Standing | None
    capsule: Capsule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawHold:
    """Worker → control: nobody waits for it any more."""

    hold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UseHold:
    """Worker → control: one use of this approval is wanted, for what was asked as ``asked``."""

    asked: str
    hold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldUsed:
    """Control → worker: whether there was one. Then it is taken."""

    asked: str
    granted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearseHold:
    """Control → worker: try what was asked as ``asked``, on its own connection."""

    asked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRehearsed:
    """Worker → control: what that came to."""

    asked: str
    ran: Ran


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvent:
    """Control → one worker: put this into the ledger."""

    event: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Control → worker: take no more, let transactions end, then go."""


Message = (
    Start
    | Ready
    | Publish
    | GrantsInForce
    | NewKeys
    | Refused
    | Refresh
    | Refreshed
    | Stale
    | Redefining
    | Noted
    | Cancel
    | ListSessions
    | Sessions
    | AskFigures
    | Figures
    | Kill
    | Killed
    | Draw
    | Drawn
    | Enter
    | Entered
    | Leave
    | AskHold
    | HoldStands
    | WithdrawHold
    | UseHold
    | HoldUsed
    | RehearseHold
    | HoldRehearsed
    | RecordEvent
    | Drain
)


def encode(message: Message) -> bytes:
    """One frame."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def frame_size(header: bytes) -> int:
    """Bytes of the body announced by a header."""
    size = int.from_bytes(header, "big")
    if size > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {size} bytes")
    return size


def decode(body: bytes) -> Message:
    """The message of one frame's body."""
    message: Message = pickle.loads(body)  # noqa: S301 - see the module's docstring
    return message
