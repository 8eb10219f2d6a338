"""Printed query trees: read as PostgreSQL writes them, and not at all where a name could pass for structure."""

from __future__ import annotations

import pytest

from govproxy.sql.nodetext import UnreadableTree, read_tree


def test_reads_nodes_lists_words_and_nothing() -> None:
    (node,) = read_tree(b"({ENTRY :name a\\ b :items (1 2) :none <> :inner {VAR :varno 1}})")
    assert node.tag == "ENTRY"
    assert node["name"] == "a b"
    assert node["items"] == ["1", "2"]
    assert node["none"] is None
    assert node["inner"].integer("varno") == 1


def test_of_a_constant_the_bytes_are_left_out() -> None:
    node = read_tree(b"{CONST :constvalue 4 [ 1 0 0 0 ] :location 7}")
    assert node["constvalue"] == "4"
    assert node.integer("location") == 7


@pytest.mark.parametrize("name", [b":resjunk", b"\\<>", b"x\r:resjunk\rtrue", b"\xa0", b"[", b"\\{VAR\\}"])
def test_a_name_is_never_structure(name: bytes) -> None:
    """Names come from the client: an alias may be called whatever it likes."""
    node = read_tree(b"{TARGETENTRY :resname " + name + b" :resjunk false}")
    assert set(node.fields) == {"resname", "resjunk"}
    assert node["resname"] is not None
    assert node["resjunk"] == "false"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{}",
        b"{ENTRY",
        b"{ENTRY name}",
        b"{ENTRY :a 1 2}",
        b"{ENTRY :a 1 :a 2}",
        b"{ENTRY :a }",
        b"{ENTRY :a 1}}",
        b"({ENTRY :a 1)",
        b"{CONST :constvalue 4 :location 1}",
        b"{CONST :constvalue 4 [ 1 {A :b 1} ]}",
        b"(" * 5_000,
        b"{A :b 1}" + b" " * (600 * 1024),
    ],
)
def test_anything_else_is_not_read(text: bytes) -> None:
    with pytest.raises(UnreadableTree):
        read_tree(text)


def test_a_line_that_may_be_cut_inside_a_word_is_not_read() -> None:
    """Of a long word the server breaks the line anywhere: also between a backslash and its bracket."""
    start = b"{ENTRY :name "
    word = b"n" + b"\\(" * 60
    whole = start + b"\n" + word[:78] + b"\n" + word[78:] + b"}"
    assert word[:78].endswith(b"\\")
    with pytest.raises(UnreadableTree):
        read_tree(whole)
    assert read_tree(b"{ENTRY :name " + b"n" * 60 + b"\n:more 1}").integer("more") == 1
