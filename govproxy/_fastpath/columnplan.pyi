from typing import final

from govproxy._fastpath.maskkeys import KeyRules

KEYED: frozenset[str]

@final
class ColumnPlan:
    def __init__(
        self,
        op: str,
        *,
        name: str = "",
        family: str = "text",
        format: int = 0,
        style: str = "generic",
        limit: int = -1,
        pad: int = -1,
        shift_days: int = 0,
        constant: bytes = b"",
        fallback: bytes | None = None,
        key: bytes = b"",
        label: str = "",
        parts: tuple[ColumnPlan, ...] = (),
        part_oids: tuple[int, ...] = (),
        labels: tuple[bytes, ...] = (),
        rules: KeyRules | None = None,
        shown: frozenset[str] = frozenset(),
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def op(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def format(self) -> int: ...
    @property
    def style(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def limit(self) -> int: ...
    @property
    def pad(self) -> int: ...
    @property
    def shift_days(self) -> int: ...
    @property
    def constant(self) -> bytes: ...
    @property
    def fallback(self) -> bytes | None: ...
    @property
    def parts(self) -> tuple[ColumnPlan, ...]: ...
    @property
    def part_oids(self) -> tuple[int, ...]: ...
    @property
    def labels(self) -> tuple[bytes, ...]: ...
    @property
    def rules(self) -> KeyRules | None: ...
    @property
    def shown(self) -> int: ...
