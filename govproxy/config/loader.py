"""``load(path)``: govproxy.yaml to ``Settings``, or every mistake in it at once.

The form is checked by ``config.schema``; here the rules across keys are, secrets are read and
paths made absolute (they start at the file's directory). The policy file is not read here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from govproxy.config import hooks, schema
from govproxy.config.secrets import Secret, SecretSource, UnresolvableSecret, resolve
from govproxy.config.settings import (
    Address,
    AuditSettings,
    Claims,
    ConsoleSettings,
    Database,
    Durability,
    IdentitySettings,
    Limits,
    Settings,
    SslMode,
    TlsSettings,
    TokenIssuer,
    Upstream,
    User,
)
from govproxy.config.source import Document, Key, read, validate
from govproxy.config.upstream import SYSTEM_ROOTS, parse_address, parse_upstream
from govproxy.errors import ConfigError, ConfigErrors

T = TypeVar("T")


def load(path: Path, *, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check a configuration. Raises ConfigErrors with all mistakes found.

    ``environment`` stands in for the process environment, for tests.
    """
    document = read(path)
    return _Loader(document, environment).settings(validate(document, schema.File))


class _Loader:
    """Builds Settings from the checked form, collecting mistakes; raises them all at the end."""

    def __init__(self, document: Document, environment: Mapping[str, str] | None) -> None:
        self.document = document
        self.environment = environment
        self.base = document.file.resolve().parent
        self.errors: list[ConfigError] = []

    def settings(self, file: schema.File) -> Settings:
        tls = self._tls(file.tls) if file.tls else None
        listen = self._listen(file, tls)
        databases = {name: self._database(name, entry) for name, entry in file.databases.items()}
        identity = self._identity(file.identity)
        policy = self._file(file.policy, "policy") if file.policy else None
        console = self._console(file.console) if file.console else None
        approvals = hooks.approvals(file, self)
        state, state_password = self._state(file.state)
        if self.errors:
            raise ConfigErrors(sorted(self.errors, key=lambda error: error.line or 0))
        given = {name: value for name, value in file.limits.model_dump().items() if value is not None}
        return Settings(
            file=self.document.file.resolve(),
            listen=_present(listen),
            workers=file.workers or len(os.sched_getaffinity(0)),
            databases={name: _present(database) for name, database in databases.items()},
            identity=identity,
            audit=AuditSettings(
                directory=self.base / file.audit.directory, durability=Durability(file.audit.durability)
            ),
            state=state,
            state_password=state_password,
            tls=tls,
            policy=policy,
            console=console,
            approvals=approvals,
            limits=Limits(**given),
        )

    def _listen(self, file: schema.File, tls: TlsSettings | None) -> Address | None:
        listen = self._parsed(lambda: parse_address(file.listen), "listen")
        if listen is not None and not listen.is_loopback and file.tls is None:
            # Security: tokens and passwords would cross the network readable.
            self.fail(
                f"`listen`: {listen} can be reached from other machines, which needs `tls:`; "
                "without it only loopback (127.0.0.1, ::1, localhost)",
                "listen",
            )
        return listen

    def _tls(self, tls: schema.Tls) -> TlsSettings:
        return TlsSettings(
            certificate=self._file(tls.certificate, "tls", "certificate"),
            private_key=self._file(tls.private_key, "tls", "private_key"),
            client_ca=self._file(tls.client_ca, "tls", "client_ca") if tls.client_ca else None,
            require=tls.require,
        )

    def _database(self, name: str, entry: schema.DatabaseEntry) -> Database | None:
        place = ("databases", name)
        password = self.secret(entry.password, *place, "password")
        upstream = self._parsed(
            lambda: parse_upstream(entry.upstream, base=self.base, default_database=name), *place, "upstream"
        )
        if upstream is None:
            return None
        self._check_upstream(upstream, *place, "upstream")
        roles = tuple(entry.role.from_group.items()) if entry.role else ()
        return Database(
            name=name,
            upstream=upstream,
            environment=entry.environment,
            password=password,
            roles=roles,
            strict_lineage=entry.lineage == "strict",
        )

    def _check_upstream(self, upstream: Upstream, *place: Key) -> None:
        key = place[-1]
        if upstream.socket_directory and upstream.sslmode is not SslMode.DISABLE:
            self.fail(f"`{key}`: there is no TLS over a Unix socket; drop sslmode", *place)
        if upstream.sslrootcert is not None:
            if upstream.sslmode not in (SslMode.VERIFY_CA, SslMode.VERIFY_FULL):
                self.fail(f"`{key}`: sslrootcert has no effect with sslmode={upstream.sslmode}", *place)
            if upstream.sslrootcert != SYSTEM_ROOTS:
                self._file(str(upstream.sslrootcert), *place)
            elif upstream.sslmode is SslMode.VERIFY_CA:
                # Any certificate of any public authority would pass.
                self.fail(f"`{key}`: sslrootcert=system needs sslmode=verify-full", *place)

    def _identity(self, identity: schema.Identity) -> IdentitySettings:
        if not identity.tokens and not identity.users:
            self.fail("`identity` lets nobody in: give `tokens` or `users`", "identity")
        tokens = tuple(self._token(index, token) for index, token in enumerate(identity.tokens))
        users = tuple(self._user(index, user) for index, user in enumerate(identity.users))
        self._unique([(t.issuer, t.audience) for t in tokens], "issuer and audience", "tokens")
        self._unique([user.name for user in users], "user", "users")
        return IdentitySettings(tokens=tokens, users=users)

    def _token(self, index: int, token: schema.Token) -> TokenIssuer:
        place: tuple[Key, ...] = ("identity", "tokens", index)
        keys: Path | None = None
        if token.keys is None:
            if token.signing_key is None:
                self.fail("give `keys` (a JWKS file) or, for development, `signing_key`", *place)
        elif "://" in token.keys:
            # The seam for fetching: a TokenIssuer that carries the URL, read by the control process.
            self.fail("`keys`: only local JWKS files so far; a URL is not fetched yet", *place, "keys")
        else:
            keys = self._file(token.keys, *place, "keys")
        return TokenIssuer(
            issuer=token.issuer,
            audience=token.audience,
            keys=keys,
            claims=Claims(user=token.claims.user, groups=token.claims.groups, agent=token.claims.agent),
            signing_key=self.secret(token.signing_key, *place, "signing_key"),
            algorithms=tuple(token.algorithms),
        )

    def _user(self, index: int, user: schema.UserEntry) -> User:
        place: tuple[Key, ...] = ("identity", "users", index)
        if (user.password is None) == (user.verifier is None):
            self.fail(f"user `{user.name}`: give exactly one of `password` and `verifier`", *place)
        return User(
            name=user.name,
            password=self.secret(user.password, *place, "password"),
            verifier=user.verifier,
            groups=frozenset(user.groups),
        )

    def _console(self, console: schema.Console) -> ConsoleSettings | None:
        listen = self._parsed(lambda: parse_address(console.listen), "console", "listen")
        if listen is None:
            return None
        if not listen.is_loopback and console.tls is None:
            # Security: tokens would cross the network readable.
            self.fail(
                f"`console.listen`: {listen} can be reached from other machines, which needs `tls:` under `console`; "
                "without it only loopback, with a proxy in front that speaks TLS",
                *("console", "listen"),
            )
        tls = None
        if console.tls is not None:
            tls = TlsSettings(
                certificate=self._file(console.tls.certificate, "console", "tls", "certificate"),
                private_key=self._file(console.tls.private_key, "console", "tls", "private_key"),
            )
        return ConsoleSettings(listen=listen, tls=tls)

    def _state(self, entry: str | schema.StateEntry) -> tuple[str, Secret | None]:
        if isinstance(entry, str):
            return self._state_url(entry, ("state",)), None
        password = self.secret(entry.password, "state", "password")
        if entry.password is not None and not entry.url.startswith("postgresql://"):
            self.fail("`state`: only a postgresql:// store has a password", "state", "password")
        return self._state_url(entry.url, ("state", "url")), password

    def _state_url(self, state: str, place: tuple[Key, ...]) -> str:
        scheme, separator, rest = state.partition("://")
        if not separator or scheme not in ("sqlite", "postgresql"):
            self.fail("`state` must be sqlite:///file or postgresql://…", *place)
        elif scheme == "sqlite":
            if not rest.startswith("/") or rest == "/":
                self.fail("`state`: write sqlite:///file (relative) or sqlite:////file (absolute)", *place)
            else:
                return f"sqlite:///{self.base / rest[1:]}"
        else:
            upstream = self._parsed(lambda: parse_upstream(state, base=self.base, default_database="govproxy"), *place)
            if upstream is not None:
                self._check_upstream(upstream, *place)
        return state

    def _file(self, name: str, *place: Key) -> Path:
        path = self.base / name
        if not path.is_file():
            self.fail(f"`{place[-1]}`: no such file: {path}", *place)
        elif not os.access(path, os.R_OK):
            self.fail(f"`{place[-1]}`: not readable: {path}", *place)
        return path

    def secret(self, source: SecretSource | None, *place: Key) -> Secret | None:
        if source is None:
            return None
        try:
            return resolve(source, base=self.base, environment=self.environment)
        except UnresolvableSecret as error:
            self.fail(f"`{place[-1]}`: {error}", *place)
            return None

    def _parsed(self, parse: Callable[[], T], *place: Key) -> T | None:
        try:
            return parse()
        except ValueError as error:
            self.fail(f"`{place[-1]}` {error}", *place)
            return None

    def _unique(self, names: list[object] | list[str] | list[tuple[str, str]], what: str, where: str) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self.fail(f"{what} {name!r} is given twice", "identity", where, index)

    def fail(self, message: str, *place: Key) -> None:
        self.errors.append(self.document.error(place, message))


def _present(value: T | None) -> T:
    """Values that are None only where an error was recorded."""
    if value is None:
        raise AssertionError("a mistake was not recorded")
    return value
