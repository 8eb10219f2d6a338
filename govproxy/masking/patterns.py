"""Value patterns that a policy brings along, run by an engine that cannot be made to hang.

The engine is the Rust ``regex`` crate, as pydantic carries it: finite automata, time linear in the
text whatever the pattern; look-around and back references do not exist in it, and an automaton
that grows too large is refused when it is made. Patterns judge samples in the control process and
never a row on its way to a client.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

LONGEST_PATTERN = 500
LONGEST_VALUE = 1_000  # characters; longer values match no pattern


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Callable[[str], bool]:
    """Whether a whole value matches. Raises ValueError, in words for a person."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"is longer than {LONGEST_PATTERN} characters")
    _build(pattern)  # by itself first: `a)|(b` would fit into the brackets below
    validator = _build(rf"\A(?:{pattern})\z")
    if validator.isinstance_python(""):
        raise ValueError("matches the empty text")

    def matches(value: str) -> bool:
        return len(value) <= LONGEST_VALUE and bool(validator.isinstance_python(value))

    return matches


def _build(pattern: str) -> SchemaValidator:
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True))
    except SchemaError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[-1].removeprefix("error: ").removeprefix("SchemaError: ").rstrip(".")
        raise ValueError(f"cannot be used: {reason}") from None
