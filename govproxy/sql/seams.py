"""The seams between the parts that trace a statement, which need each other in a ring.

Expressions hold subqueries, queries hold expressions, and range items hold both. Knows nothing
else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from govproxy.sql.scope import Rows, Scope, Value

Node = dict[str, Any]


class Evaluator(Protocol):
    """Traces expressions."""

    def value(self, node: Node, scope: Scope) -> Value:
        """What feeds an expression that is shown or stored."""
        ...

    def condition(self, node: Node, scope: Scope) -> Value:
        """The same for an expression that decides: what it looks at is noted as used."""
        ...

    def cast(self, value: Value, type_name: Node) -> Value:
        """A traced value cast to the type that a TypeName node names."""
        ...

    def order(self, nodes: Sequence[Node], scope: Scope) -> list[Value]:
        """What sorts, noted as used."""
        ...

    def group(self, value: Value, node: Node, scope: Scope, *, counted: bool = False) -> None:
        """Note what an expression ``node`` puts together where it is equal."""
        ...

    def is_tidied(self, node: Node, scope: Scope) -> bool:
        """Whether a node is a column in another form that has as many different values or fewer."""
        ...

    def projected(self, value: Value, name: str) -> Value | None:
        """The field of that name of a composite value; None when it has no such field."""
        ...


class Queries(Protocol):
    """Traces queries and data-modifying statements inside others."""

    def query(self, node: Node, scope: Scope | None) -> Rows:
        """The rows of a statement node, seen from inside ``scope``."""
        ...


class CommonTables(Protocol):
    """Finds common table expressions."""

    def rows(self, name: str, scope: Scope) -> Rows | None:
        """The rows of the WITH query of that name in reach; None when there is none."""
        ...
