"""Bytes that come again are the same object; what else they are does not change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from govproxy._fastpath.interning import intern_bytes


def copy(data: bytes) -> bytes:
    return bytes(bytearray(data))


def test_said_again_is_the_same_object() -> None:
    first = intern_bytes(copy(b"__asyncpg_stmt_7__"))
    assert intern_bytes(copy(b"__asyncpg_stmt_7__")) is first


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_what_comes_out_is_what_went_in(values: list[bytes]) -> None:
    for value in values * 2:
        assert intern_bytes(copy(value)) == value


def test_who_fills_the_table_changes_nothing_for_others() -> None:
    for number in range(5_000):
        assert intern_bytes(b"flood %d" % number) == b"flood %d" % number


def test_long_ones_are_not_kept() -> None:
    value = b"x" * 1_025
    assert intern_bytes(copy(value)) == value
    assert intern_bytes(copy(value)) is not intern_bytes(copy(value))
