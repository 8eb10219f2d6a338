from typing import Self

from govproxy._fastpath.ledger import LedgerWriter
from govproxy._fastpath.limits import Limits, Quota
from govproxy._fastpath.sinks import Sinks
from govproxy._fastpath.transitions import Phase
from govproxy._fastpath.verdicts import VerdictCache

class State:
    context_id: int
    folds: bool
    def __new__(
        cls,
        *,
        gate: object,
        cache: VerdictCache,
        ledger: LedgerWriter,
        sinks: Sinks,
        session_id: bytes,
        session_fragment: bytes,
        context_id: int,
        clear: bool = False,
        folds: bool = False,
        max_message_bytes: int = ...,
        max_names: int = 10000,
    ) -> Self: ...
    @property
    def session_id(self) -> bytes: ...
    @property
    def clear(self) -> bool: ...
    @property
    def max_message_bytes(self) -> int: ...
    @property
    def max_names(self) -> int: ...
    @property
    def phase(self) -> Phase: ...
    @property
    def transaction_status(self) -> int: ...
    @property
    def unsynced(self) -> bool: ...
    @property
    def catalog_touched(self) -> bool: ...
    @property
    def rests(self) -> int: ...
    @property
    def tainted(self) -> bool: ...
    @property
    def parked(self) -> bool: ...
    @property
    def stalled(self) -> bool: ...
    @property
    def number(self) -> int: ...
    @property
    def recorded(self) -> bool: ...
    @property
    def limits(self) -> Limits | None: ...
    @property
    def quota(self) -> Quota | None: ...
    @property
    def hold(self) -> int: ...
