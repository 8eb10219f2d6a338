"""A text as bytes into what it does, or why it cannot be told. On any thread: reads nothing but values."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from govproxy.errors import GovproxyError, UnsupportedEncoding
from govproxy.sql.analyze import Shadow, analyze
from govproxy.sql.catalog import Catalog
from govproxy.sql.parse import UnparsableStatement
from govproxy.sql.values import Analysis


class Unread(NamedTuple):
    """A text that cannot be analysed, and why; ``source`` is the text where it could be decoded."""

    error: GovproxyError
    source: str | None


def reader(
    text: bytes, codec: str, catalog: Catalog, search_path: tuple[str, ...] | None, shadow: Shadow
) -> Callable[[], Analysis | Unread]:
    """What analyses ``text`` as things stand now, whenever it is called."""

    def read() -> Analysis | Unread:
        try:
            source = text.decode(codec)
        except UnicodeDecodeError:
            return Unread(UnsupportedEncoding("statement is not valid in the client_encoding"), None)
        try:
            return analyze(source, catalog, search_path, shadow=shadow)
        except UnparsableStatement as error:
            return Unread(error, source)

    return read
