"""TLS as a codec: two links talk to each other through memory, no socket anywhere."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from govproxy.config.settings import SslMode
from govproxy.errors import ConfigError, ProtocolViolation
from govproxy.server.tls import ServerTls, TlsLink, certificate_hash, client_context
from tests.support.certificates import Certificates, certificates, write_certificates

__all__ = ["certificates"]


def shake_hands(client: TlsLink, server: TlsLink) -> None:
    finished = [False, False]
    to_server, to_client = b"", b""
    for _ in range(10):
        finished[0] = finished[0] or client.handshake(to_client)
        to_server = client.pending_out()
        finished[1] = finished[1] or server.handshake(to_server)
        to_client = server.pending_out()
        if all(finished) and not to_client:
            return
    raise AssertionError("the handshake does not end")


def linked(
    certificates: Certificates,
    *,
    sslmode: SslMode = SslMode.VERIFY_FULL,
    ca: Path | None = None,
    host: str = "localhost",
    maximum: ssl.TLSVersion | None = None,
) -> tuple[TlsLink, TlsLink]:
    context = client_context(sslmode, ca or certificates.ca)
    assert context is not None
    if maximum is not None:
        context.maximum_version = maximum
    client = TlsLink(context, server_side=False, server_hostname=host)
    server = TlsLink(certificates.server_tls().context, server_side=True)
    shake_hands(client, server)
    return client, server


@pytest.mark.parametrize("maximum", [None, ssl.TLSVersion.TLSv1_2])
def test_what_goes_in_comes_out(certificates: Certificates, maximum: ssl.TLSVersion | None) -> None:
    client, server = linked(certificates, maximum=maximum)
    assert client.alpn == server.alpn == "postgresql"
    for size in (0, 1, 16_384, 16_385, 300_000):
        data = bytes(size)
        assert server.decrypt(client.encrypt(data)) == data
        assert client.decrypt(server.encrypt(data)) == data
    assert server.pending_out() == client.pending_out() == b""


def test_records_cut_anywhere_give_the_same_plaintext(certificates: Certificates) -> None:
    client, server = linked(certificates)
    ciphertext = client.encrypt(b"hello") + client.encrypt(b" world")
    pieces = [server.decrypt(ciphertext[at : at + 1]) for at in range(len(ciphertext))]
    assert b"".join(pieces) == b"hello world"


def test_no_session_tickets_are_sent(certificates: Certificates) -> None:
    """They would be bytes that nobody needs on every connection."""
    _, server = linked(certificates)
    assert server.pending_out() == b""


def test_close_notify_ends_the_stream(certificates: Certificates) -> None:
    client, server = linked(certificates)
    ciphertext = client.encrypt(b"bye") + client.close_notify()
    assert server.decrypt(ciphertext) == b"bye"
    assert server.closed
    assert server.decrypt(b"anything") == b""
    assert not client.closed


def test_a_changed_record_is_noticed(certificates: Certificates) -> None:
    client, server = linked(certificates)
    ciphertext = bytearray(client.encrypt(b"hello"))
    ciphertext[-1] ^= 1
    with pytest.raises(ProtocolViolation):
        server.decrypt(bytes(ciphertext))
    assert server.closed
    assert server.pending_out() != b""  # the alert


def test_plaintext_is_no_tls(certificates: Certificates) -> None:
    server = TlsLink(certificates.server_tls().context, server_side=True)
    with pytest.raises(ProtocolViolation):
        server.handshake(b"\0\0\0\x08\x04\xd2\x16\x2f" * 4)


def test_old_tls_is_refused(certificates: Certificates) -> None:
    server = certificates.server_tls().context
    assert server.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("sslmode", [SslMode.VERIFY_CA, SslMode.VERIFY_FULL])
def test_a_stranger_is_not_trusted(certificates: Certificates, tmp_path: Path, sslmode: SslMode) -> None:
    stranger = write_certificates(tmp_path)
    with pytest.raises(ProtocolViolation, match="verify"):
        linked(certificates, sslmode=sslmode, ca=stranger.ca)


def test_require_with_a_root_checks_the_chain_as_libpq_does(certificates: Certificates, tmp_path: Path) -> None:
    linked(certificates, sslmode=SslMode.REQUIRE)
    with pytest.raises(ProtocolViolation):
        linked(certificates, sslmode=SslMode.REQUIRE, ca=write_certificates(tmp_path).ca)


def test_require_without_a_root_takes_anybody(certificates: Certificates) -> None:
    context = client_context(SslMode.REQUIRE, None)
    assert context is not None
    client = TlsLink(context, server_side=False)
    shake_hands(client, TlsLink(certificates.server_tls().context, server_side=True))
    assert client.peer_certificate() is not None


def test_verify_full_looks_at_the_name_and_verify_ca_does_not(certificates: Certificates) -> None:
    linked(certificates, host="127.0.0.1")
    linked(certificates, sslmode=SslMode.VERIFY_CA, host="db.example.com")
    with pytest.raises(ProtocolViolation, match="verify"):
        linked(certificates, host="db.example.com")


def test_disable_has_no_context() -> None:
    assert client_context(SslMode.DISABLE, None) is None


def test_a_client_certificate_is_required_where_an_authority_is_given(
    certificates: Certificates, tmp_path: Path
) -> None:
    server_tls = certificates.server_tls(client_ca=certificates.ca)
    context = client_context(SslMode.VERIFY_FULL, certificates.ca)
    assert context is not None
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # where the refusal comes within the handshake

    def connect() -> None:
        client = TlsLink(context, server_side=False, server_hostname="localhost")
        shake_hands(client, TlsLink(server_tls.context, server_side=True))

    with pytest.raises(ProtocolViolation):
        connect()
    pair = certificates.authority.issue(client="ana")
    (tmp_path / "c.crt").write_bytes(pair.certificate)
    (tmp_path / "c.key").write_bytes(pair.private_key)
    context.load_cert_chain(tmp_path / "c.crt", tmp_path / "c.key")
    connect()


def test_the_binding_is_the_hash_of_the_certificate(certificates: Certificates) -> None:
    client, _ = linked(certificates)
    der = client.peer_certificate()
    assert der is not None
    assert certificate_hash(der) == hashlib.sha256(der).digest() == certificates.server_tls().binding


def test_a_certificate_without_a_hash_has_no_binding() -> None:
    assert certificate_hash(b"nonsense") is None


@pytest.mark.parametrize("broken", ["certificate", "private_key", "client_ca", "missing", "mismatch"])
def test_unusable_files_are_named(certificates: Certificates, tmp_path: Path, broken: str) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    files: dict[str, Path] = {"certificate": certificates.certificate, "private_key": certificates.private_key}
    match broken:
        case "missing":
            files["certificate"] = tmp_path / "absent"
        case "mismatch":
            files["private_key"] = write_certificates(tmp_path).private_key
        case _:
            files[broken] = nonsense
    with pytest.raises(ConfigError) as caught:
        ServerTls(**files)
    assert caught.value.file is not None


def test_a_key_with_a_passphrase_does_not_ask_on_the_terminal(certificates: Certificates, tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(certificates.private_key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ConfigError):
        ServerTls(certificate=certificates.certificate, private_key=locked)


def test_reload_is_all_or_nothing(tmp_path: Path) -> None:
    files = write_certificates(tmp_path)
    tls = files.server_tls()
    context, binding = tls.context, tls.binding
    files.certificate.write_text("nonsense")
    with pytest.raises(ConfigError):
        tls.reload()
    assert (tls.context, tls.binding) == (context, binding)
    renewed = write_certificates(tmp_path)
    tls.reload()
    assert tls.context is not context
    leaf = x509.load_pem_x509_certificate(renewed.certificate.read_bytes())
    assert tls.binding == hashlib.sha256(leaf.public_bytes(serialization.Encoding.DER)).digest()


def test_an_sslrootcert_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        client_context(SslMode.VERIFY_FULL, tmp_path / "absent.crt")
    assert client_context(SslMode.VERIFY_FULL, tmp_path / "system") is not None
