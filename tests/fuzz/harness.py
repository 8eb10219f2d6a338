"""A small mutation fuzzer: seeds from the corpus, changed at random, the same for the same seed number.

One harness per parser says its invariant; what once broke it is kept in ``corpus/<parser>/`` and
replayed by the tests every time. Longer runs: ``python -m tests.fuzz.harness startup 1000000``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from govproxy.errors import GovproxyError
from govproxy.session.login import Phase
from govproxy.wire import backend, errors, frontend, sasl
from govproxy.wire.framing import MessageBuffer
from tests.support.logins import DIRECTORY, new_login

CORPUS = Path(__file__).parent / "corpus"
INTERESTING = (
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\0\0\0\0",
    b"=",
    b",",
    b"-c=",
    b"p",
    b"\x16",
)
BODY_DECODERS: tuple[Callable[[bytes], object], ...] = (
    frontend.decode_password,
    frontend.decode_sasl_initial,
    frontend.decode_query,
    frontend.decode_parse,
    frontend.decode_bind,
    frontend.decode_target,
    frontend.decode_execute,
    backend.decode_authentication,
    backend.decode_backend_key_data,
    backend.decode_negotiate_protocol_version,
    backend.decode_parameter_status,
    backend.decode_ready_for_query,
    backend.decode_row_description,
    backend.decode_data_row,
    backend.decode_command_complete,
    errors.decode_fields,
)


def fuzz_startup(data: bytes) -> None:
    """Any bytes, fed whole to a login, end in actions; never in an exception, never in a loop."""
    login = new_login(tls=True)
    login.feed(data)
    if login.phase in (Phase.HANDSHAKE, Phase.DIRECT_HANDSHAKE):
        login.feed_tls_established(alpn="postgresql", binding=None)
        login.feed(data)


def fuzz_messages(data: bytes) -> None:
    """Every body decoder gives a value or a ``GovproxyError`` for any body."""
    for decode in BODY_DECODERS:
        try:
            decode(data)
        except GovproxyError:
            continue


def fuzz_framing(data: bytes) -> None:
    """What the buffer gives out are bytes that were put in, in order, and it always ends."""
    buffer = MessageBuffer(limit=1_000)
    buffer.feed(data)
    taken = 0
    try:
        while (message := buffer.next_message()) is not None:
            size = len(message.body) + 5
            assert data[taken + 5 : taken + size] == message.body
            taken += size
    except GovproxyError:
        return
    assert buffer.take_rest() == data[taken:]


def fuzz_sasl(data: bytes) -> None:
    """Neither side of SCRAM accepts what was not made with the password."""
    keys = DIRECTORY.mock_verifier("fuzz")
    for part in (data, data.replace(b"\0", b",")):
        try:
            challenge = sasl.challenge(part, keys=keys, nonce="n", mechanism=sasl.SCRAM, binding=None)
        except GovproxyError:
            challenge = sasl.challenge(b"n,,n=,r=a", keys=keys, nonce="n", mechanism=sasl.SCRAM, binding=None)
        try:
            challenge.verify(part)
        except GovproxyError:
            pass
        else:
            raise AssertionError("SCRAM accepted random bytes")
        try:
            sasl.open_exchange(nonce="a", binding=None, offered=(sasl.SCRAM,)).read_challenge(part)
        except GovproxyError:
            continue


HARNESSES: dict[str, Callable[[bytes], None]] = {
    "startup": fuzz_startup,
    "messages": fuzz_messages,
    "framing": fuzz_framing,
    "sasl": fuzz_sasl,
}


def seeds(name: str) -> list[bytes]:
    """The corpus of one harness."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def mutations(name: str, count: int, *, seed: int) -> Iterator[bytes]:
    """``count`` inputs made from the corpus."""
    chance = random.Random(seed)
    corpus = seeds(name)
    for _ in range(count):
        data = bytearray(chance.choice(corpus))
        for _ in range(chance.randint(1, 6)):
            _mutate(data, chance, corpus)
        yield bytes(data[:20_000])


def _mutate(data: bytearray, chance: random.Random, corpus: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    match chance.randrange(6):
        case 0:
            data[at:at] = chance.choice(INTERESTING)
        case 1:
            piece = chance.choice(INTERESTING)
            data[at : at + len(piece)] = piece
        case 2:
            del data[at : at + chance.randint(1, 8)]
        case 3 if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case 4:
            data[at:at] = data[at : at + chance.randint(1, 40)]
        case _:
            data[at:at] = chance.choice(corpus)


def main() -> None:
    """Run one harness for long; an input that breaks it is written into the corpus."""
    name, count = sys.argv[1], int(sys.argv[2])
    for number, data in enumerate(mutations(name, count, seed=random.SystemRandom().randrange(1 << 32))):
        try:
            HARNESSES[name](data)
        except BaseException:
            (CORPUS / name / f"crash-{number}").write_bytes(data)
            raise


if __name__ == "__main__":
    main()
