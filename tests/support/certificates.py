"""Certificate files for tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from govproxy.demo.certificates import Authority, make_authority
from govproxy.server.tls import ServerTls


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """An authority and a server certificate for localhost and 127.0.0.1, as files."""

    authority: Authority
    ca: Path
    certificate: Path
    private_key: Path

    def server_tls(self, *, client_ca: Path | None = None) -> ServerTls:
        """A server context with them."""
        return ServerTls(certificate=self.certificate, private_key=self.private_key, client_ca=client_ca)


def write_certificates(folder: Path, *, name: str = "localhost", address: str = "127.0.0.1") -> Certificates:
    """Make an authority and a server certificate in ``folder``."""
    authority = make_authority("govproxy test authority")
    pair = authority.issue(names=(name,), addresses=(address,))
    files = folder / "ca.crt", folder / "server.crt", folder / "server.key"
    for path, content in zip(files, (authority.certificate, pair.certificate, pair.private_key), strict=True):
        path.write_bytes(content)
    return Certificates(authority=authority, ca=files[0], certificate=files[1], private_key=files[2])


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One set for the whole run."""
    return write_certificates(tmp_path_factory.mktemp("certificates"))
