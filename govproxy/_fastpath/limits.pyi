from typing import Self, final

@final
class Limits:
    def __new__(cls, *, rows: int = 0, size_bytes: int = 0, changed: int = 0, meter: Meter | None = None) -> Self: ...
    @property
    def rows(self) -> int: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def changed(self) -> int: ...
    @property
    def meter(self) -> Meter | None: ...
    @property
    def undoes(self) -> bool: ...
    @property
    def stops(self) -> bool: ...

@final
class Quota:
    left: int
    until_ns: int
    refused_until_ns: int
    low: int
    renew_ns: int
    asked: bool
    def __new__(cls) -> Self: ...

@final
class Meter:
    def __new__(
        cls,
        *,
        rows_per_minute: Quota | None = None,
        rows_per_hour: Quota | None = None,
        bytes_per_minute: Quota | None = None,
        bytes_per_hour: Quota | None = None,
    ) -> Self: ...
    @property
    def rows_per_minute(self) -> Quota | None: ...
    @property
    def rows_per_hour(self) -> Quota | None: ...
    @property
    def bytes_per_minute(self) -> Quota | None: ...
    @property
    def bytes_per_hour(self) -> Quota | None: ...
    @property
    def full(self) -> Quota | None: ...
