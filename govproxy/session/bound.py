"""Masked values that come back as parameters: looked at when they are bound.

The messages of the protocol are taken apart and put together here, since only statements whose
verdict asks for it come this way. Knows forms of masked values, not why a column has one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from govproxy.errors import ProtocolViolation
from govproxy.masking.roundtrip import INT8, INTEGERS, MaskedForm

MOST_PARAMETERS = 65_535


@dataclass(frozen=True, slots=True)
class Guard:
    """A column that takes no masked values back. ``label`` is its name for people."""

    form: MaskedForm
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """Parameter ``number``, which the client knows nothing of, brings what ``source`` stands for."""

    source: int
    number: int
    form: MaskedForm
    array: bool
    inside: bool = False  # an element of an ARRAY[...], which does not take its type from the column

    def type_for(self, declared: int) -> int:
        """The type to declare, 0 for what the server finds: the source's may be too narrow a number."""
        if not self.inside:
            return 0
        return INT8 if declared in INTEGERS else declared


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """The parameters of a Bind. A value is None for NULL; ``before`` and ``after`` are the rest of it."""

    before: bytes
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    after: bytes

    def is_binary(self, place: int) -> bool:
        """The format of one parameter: none given is text, one is for all."""
        if len(self.formats) > 1:
            return self.formats[place] == 1
        return bool(self.formats) and self.formats[0] == 1


class Bound:
    """What a verdict wants to know of its parameters.

    ``known`` is how many parameters the client's text has; ``text`` the one that is sent, or None.
    """

    def __init__(
        self, *, guards: Mapping[int, tuple[Guard, ...]], extras: tuple[Extra, ...], known: int, text: bytes | None
    ) -> None:
        self._guards = guards
        self.extras = extras
        self._known = known
        self._text = text

    # ------------------------------------------------------------------ Parse

    def parse(self, name: bytes, types: bytes) -> bytes | None:
        """The Parse message with the extra parameters.

        None where that cannot be: the client declares more than it uses, or types that are not the columns'.
        """
        count = len(types) // 4
        if self._text is None or count > self._known or self._known + len(self.extras) > MOST_PARAMETERS:
            return None
        declared = list(struct.unpack(f"!{count}I", types))
        if declared:
            declared += [0] * (self._known - count)
            if not all(extra.form.takes_type(declared[extra.source - 1]) for extra in self.extras):
                return None
            declared += [extra.type_for(declared[extra.source - 1]) for extra in self.extras]
        body = name + b"\0" + self._text + b"\0"
        body += struct.pack(f"!H{len(declared)}I", len(declared), *declared)
        return b"P" + struct.pack("!I", len(body) + 4) + body

    def without_extras(self, description: bytes) -> bytes:
        """A ParameterDescription message as the client's own text would have got it."""
        (count,) = struct.unpack_from("!H", description)
        if len(description) != 2 + 4 * count or count < len(self.extras):
            raise ProtocolViolation("malformed ParameterDescription")
        kept = count - len(self.extras)
        return struct.pack("!H", kept) + description[2 : 2 + 4 * kept]

    # ------------------------------------------------------------------ Bind

    def written_back(self, body: bytes) -> str | None:
        """The column that a masked value is to be stored in, if any is. ``body`` of a Bind message."""
        if not self._guards:
            return None
        bind = _take_apart(body)
        for number, guards in self._guards.items():
            if number > len(bind.values):
                continue
            value = bind.values[number - 1]
            if value is None:
                continue
            binary = bind.is_binary(number - 1)
            for guard in guards:
                if guard.form.recognises(value, binary=binary):
                    return guard.label
        return None

    def translated(self, body: bytes) -> bytes:
        """The Bind message with the extra parameters, each as text: its type is the server's to find."""
        bind = _take_apart(body)
        formats = [int(bind.is_binary(place)) for place in range(len(bind.values))]
        values = list(bind.values)
        if len(values) != self._known:
            # The server refuses it, and should.
            return b"B" + struct.pack("!I", len(body) + 4) + body
        for extra in self.extras:
            code, value = _restored(extra, bind.values[extra.source - 1], bind.is_binary(extra.source - 1))
            formats.append(code)
            values.append(value)
        parts = [bind.before, struct.pack(f"!H{len(formats)}H", len(formats), *formats)]
        parts.append(struct.pack("!H", len(values)))
        for value in values:
            parts.append(struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value)
        parts.append(bind.after)
        message = b"".join(parts)
        return b"B" + struct.pack("!I", len(message) + 4) + message


def parameters(body: bytes) -> tuple[tuple[bool, bytes | None], ...]:
    """The parameters of a Bind by its ``body``, each with whether it is in binary; None is NULL."""
    bind = _take_apart(body)
    return tuple((bind.is_binary(place), value) for place, value in enumerate(bind.values))


def _restored(extra: Extra, value: bytes | None, binary: bool) -> tuple[int, bytes | None]:
    """Format and value of an extra parameter: the same again where it stands for nothing else."""
    if value is None:
        return 0, None
    text = extra.form.as_text(value, binary=binary, array=extra.array)
    if text is None:
        return int(binary), value
    restored = extra.form.restored_array(text) if extra.array else extra.form.restored(text)
    return 0, (text if restored is None else restored).encode()


def _take_apart(body: bytes) -> _Values:
    try:
        at = body.index(b"\0", body.index(b"\0") + 1) + 1
        before = body[:at]
        (count,) = struct.unpack_from("!H", body, at)
        formats = struct.unpack_from(f"!{count}H", body, at + 2)
        at += 2 + 2 * count
        (count,) = struct.unpack_from("!H", body, at)
        at += 2
        values: list[bytes | None] = []
        for _ in range(count):
            (size,) = struct.unpack_from("!i", body, at)
            at += 4
            if size < 0:
                values.append(None)
                continue
            if size > len(body) - at:
                raise ProtocolViolation("malformed Bind")
            values.append(body[at : at + size])
            at += size
    except (ValueError, struct.error):
        raise ProtocolViolation("malformed Bind") from None
    if len(formats) > 1 and len(formats) != len(values):
        raise ProtocolViolation("malformed Bind")
    return _Values(before=before, formats=formats, values=tuple(values), after=body[at:])
