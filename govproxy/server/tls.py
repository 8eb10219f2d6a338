"""TLS contexts towards clients and towards databases, and TLS as a codec between bytes and bytes.

The codec (``TlsLink``) works on memory buffers: the login's channel and the data plane feed it, no
socket is ever wrapped. Contexts can be renewed; connections made earlier keep theirs.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization

from govproxy.config.settings import SslMode
from govproxy.errors import ConfigError, ProtocolViolation
from govproxy.session.login import ALPN_PROTOCOL

READ_BYTES = 65_536
SYSTEM_ROOTS = "system"  # libpq's word for the operating system's certificates


class TlsLink:
    """One TLS connection as a codec.

    Invariant: after every call ``pending_out()`` holds all bytes TLS itself wants sent (handshake,
    alerts, key updates); the caller sends them before anything else.
    """

    __slots__ = ("_incoming", "_object", "_outgoing", "closed")

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self.closed = False  # the peer said close_notify, or its bytes were no TLS

    def handshake(self, data: bytes) -> bool:
        """Feed handshake bytes; True once it is over. A failure is a ``ProtocolViolation``."""
        self._incoming.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            self.closed = True
            raise ProtocolViolation("the TLS certificate of the other side does not verify") from error
        except (ssl.SSLError, ValueError) as error:
            self.closed = True
            raise ProtocolViolation("the TLS handshake failed") from error
        return True

    def decrypt(self, data: bytes) -> bytes:
        """Feed ciphertext; the plaintext that is available now, possibly none."""
        if data:
            self._incoming.write(data)
        if self.closed:
            return b""
        first = self._read()
        if not first:
            return b""
        chunks = [first]
        while chunk := self._read():
            chunks.append(chunk)
        return b"".join(chunks) if len(chunks) > 1 else first

    def _read(self) -> bytes:
        try:
            chunk = self._object.read(READ_BYTES)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLZeroReturnError:
            self.closed = True
            return b""
        except ssl.SSLError as error:
            self.closed = True
            raise ProtocolViolation("the bytes received are not valid TLS") from error
        if not chunk:
            self.closed = True
        return chunk

    def encrypt(self, data: bytes) -> bytes:
        """Ciphertext of ``data``, with whatever TLS itself has to say before it."""
        if data:
            try:
                self._object.write(data)
            except ssl.SSLError as error:
                self.closed = True
                raise ProtocolViolation("TLS cannot send any more") from error
        return self._outgoing.read()

    def pending_out(self) -> bytes:
        """Bytes that TLS itself wants sent."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def close_notify(self) -> bytes:
        """Begin an orderly end: the bytes to send, empty when that is no longer possible."""
        try:
            self._object.unwrap()
        except ssl.SSLWantReadError:
            pass  # the other side's goodbye may still come
        except (ssl.SSLError, ValueError):
            self.closed = True
        return self._outgoing.read()

    @property
    def alpn(self) -> str | None:
        """The protocol both sides agreed on."""
        return self._object.selected_alpn_protocol()

    @property
    def version(self) -> str | None:
        """Such as ``TLSv1.3``."""
        return self._object.version()

    def peer_certificate(self) -> bytes | None:
        """The other side's certificate in DER, verified or not; None when it sent none."""
        return self._object.getpeercert(binary_form=True)


class ServerTls:
    """The current context towards clients, with the hash of its certificate for channel binding."""

    def __init__(self, *, certificate: Path, private_key: Path, client_ca: Path | None = None) -> None:
        self._certificate = certificate
        self._private_key = private_key
        self._client_ca = client_ca
        self.context, self.binding = self._load()

    def reload(self) -> None:
        """Read the files again. All or nothing: on ``ConfigError`` the old context stays."""
        self.context, self.binding = self._load()

    def _load(self) -> tuple[ssl.SSLContext, bytes | None]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
        context.num_tickets = 0  # sessions are long; a ticket per connection would be sent for nothing
        context.set_alpn_protocols([ALPN_PROTOCOL])
        try:
            context.load_cert_chain(self._certificate, self._private_key, password=_no_passphrase)
            binding = certificate_hash(_leaf_of(self._certificate))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"certificate and private key cannot be used together: {_reason(error)}", file=self._certificate
            ) from error
        if self._client_ca is not None:
            try:
                context.load_verify_locations(self._client_ca)
            except (OSError, ValueError) as error:
                raise ConfigError(f"client_ca cannot be read: {_reason(error)}", file=self._client_ca) from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context, binding


def client_context(sslmode: SslMode, sslrootcert: Path | None) -> ssl.SSLContext | None:
    """The context towards a database; None for ``disable``.

    As in libpq, ``require`` with a root certificate checks the chain as ``verify-ca`` does.
    """
    if sslmode is SslMode.DISABLE:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols([ALPN_PROTOCOL])
    context.check_hostname = sslmode is SslMode.VERIFY_FULL
    if sslmode is SslMode.REQUIRE and sslrootcert is None:
        context.verify_mode = ssl.CERT_NONE
        return context
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        if sslrootcert is None or (sslrootcert.name == SYSTEM_ROOTS and not sslrootcert.exists()):
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        else:
            context.load_verify_locations(sslrootcert)
    except (OSError, ValueError) as error:
        raise ConfigError(f"sslrootcert cannot be read: {_reason(error)}", file=sslrootcert) from error
    return context


def certificate_hash(der: bytes) -> bytes | None:
    """``tls-server-end-point`` data of a certificate (RFC 5929 section 4.1); None where it is undefined."""
    try:
        algorithm = x509.load_der_x509_certificate(der).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if algorithm is None:  # Ed25519: RFC 5929 does not say which hash
        return None
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    return hashlib.new(algorithm.name, der).digest()


def _leaf_of(file: Path) -> bytes:
    certificates = x509.load_pem_x509_certificates(file.read_bytes())
    return certificates[0].public_bytes(serialization.Encoding.DER)


def _no_passphrase() -> str:
    # Without a callback OpenSSL would ask on the terminal and wait there for ever.
    return ""


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not valid PEM"
    if isinstance(error, OSError):
        return error.strerror or "cannot be read"
    return str(error)
