"""Secrets: named in the configuration, never written there, never shown.

A secret is given as ``{env: NAME}`` or ``{file: path}``. What was read travels as a ``Secret``,
whose text appears in no repr, str, format or traceback value. Workers hold these: no pydantic here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, Protocol

MAX_SECRET_BYTES = 64 << 10


class Secret:
    """A text that shows itself only to ``reveal()``. Equal texts compare equal; picklable."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Callers pass it on at once and keep it in no value of their own."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (Secret, (self._text,))

    def __iter__(self) -> NoReturn:
        raise TypeError("a Secret is opaque; use reveal()")


class SecretSource(Protocol):
    """Where a secret is: exactly one of ``env`` and ``file``. ``config.schema.SecretEntry`` is its form."""

    @property
    def env(self) -> str | None: ...
    @property
    def file(self) -> str | None: ...


class UnresolvableSecret(Exception):
    """A secret could not be read; the text says why and holds nothing of it."""


def resolve(source: SecretSource, *, base: Path, environment: Mapping[str, str] | None = None) -> Secret:
    """Read a secret. Relative files start at ``base``. Raises UnresolvableSecret.

    One line end at the end of a file is dropped: editors put it there.
    """
    if source.env is not None:
        text = (os.environ if environment is None else environment).get(source.env)
        if text is None:
            raise UnresolvableSecret(f"environment variable {source.env} is not set")
        if not text:
            raise UnresolvableSecret(f"environment variable {source.env} is empty")
        return Secret(text)
    path = base / str(source.file)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_SECRET_BYTES + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        raise UnresolvableSecret(f"secret file {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UnresolvableSecret(f"secret file {path} is not UTF-8 text") from None
    if len(raw) > MAX_SECRET_BYTES:
        raise UnresolvableSecret(f"secret file {path} is larger than {MAX_SECRET_BYTES} bytes")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise UnresolvableSecret(f"secret file {path} is empty")
    return Secret(text)
