from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

_Node = dict[str, Any]

@final
class Grammar:
    def __init__(
        self,
        kinds: dict[str, str],
        fixed: dict[str, str],
        shared: dict[tuple[str, str], str],
        sampling: frozenset[str],
        max_ctes: int,
        write: Callable[[str, _Node, _Node], object],
        locks: Callable[[_Node, list[Any], _Node], list[Any]],
    ) -> None: ...

@final
class Walk:
    @property
    def reads(self) -> list[_Node]: ...
    @property
    def writes(self) -> list[Any]: ...
    @property
    def locks(self) -> list[Any]: ...
    @property
    def creates(self) -> list[_Node]: ...
    @property
    def calls(self) -> list[_Node]: ...
    @property
    def operators(self) -> list[tuple[str, str]]: ...
    @property
    def columns(self) -> list[list[str]]: ...
    @property
    def unknown(self) -> list[str]: ...
    def __init__(self, grammar: Grammar) -> None: ...
    def visit(self, node: _Node | list[Any], ctes: Mapping[str, _Node] = ...) -> None: ...
    def visit_fields(self, kind: str, body: _Node, skip: tuple[str, ...] = ()) -> None: ...

@final
class Constants:
    @property
    def found(self) -> set[int]: ...
    @property
    def pinned(self) -> set[int]: ...
    def __init__(
        self,
        comparisons: frozenset[str],
        arithmetic: frozenset[str],
        user_operators: frozenset[str],
        plain: frozenset[str],
        shadowed: frozenset[str],
    ) -> None: ...
    def look(self, node: _Node | list[Any], writing: bool) -> None: ...

def field_names(fields: Iterable[_Node]) -> list[str]: ...
