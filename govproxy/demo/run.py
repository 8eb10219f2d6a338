"""The demo from end to end: PostgreSQL, data, files, proxy, connection strings, tour, and wait.

Everything lives in one temporary folder and is gone afterwards.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from rich.console import Console
from rich.text import Text

from govproxy.config.loader import load
from govproxy.demo import files, sample, tour
from govproxy.demo.files import PEOPLE, Who
from govproxy.demo.postgres import HOST, PostgresServer, free_port
from govproxy.demo.proxy import ProxyProcess
from govproxy.demo.stage import Stage
from govproxy.errors import ConfigError
from govproxy.identity.keys import load_signing_key
from govproxy.identity.minting import mint
from govproxy.identity.tokens import ClaimNames

TOKEN_LIFETIME_S = 24 * 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A demo that is up."""

    postgres: PostgresServer
    proxy: ProxyProcess
    config: Path
    port: int
    tokens: dict[str, str]  # by the title of who

    def dsn(self, who: Who) -> str:
        """Where ``who`` connects, token included."""
        return files.connection_string(who, token=self.tokens[who.title], port=self.port)


def run(console: Console, *, port: int | None, console_port: int | None, tour_only: bool) -> bool:
    """Run the demo; True when every step of the tour did what it says.

    ``port`` None: the usual one if it is free, else any; 0: any; otherwise exactly that one.
    """
    with _terminated_like_ctrl_c(), up(console, port=port, console_port=console_port) as demo:
        failed = play(demo, console)
        console.print()
        if failed:
            console.print(Text("The tour failed:\n  " + "\n  ".join(failed), style="bold red"))
            console.print(Text(demo.proxy.log[-4_000:], style="dim"))
        else:
            console.print(Text(f"All {len(tour.STEPS)} steps did what they say.", style="bold green"))
        if not tour_only:
            _print_connections(console, demo)
            _wait(console, demo)
        return not failed


@contextmanager
def up(
    console: Console, *, port: int | None, console_port: int | None, size: sample.Size | None = None
) -> Iterator[Demo]:
    """PostgreSQL with the sample data, and the proxy before it."""
    ports = _choose_port(port, 6432), _choose_port(console_port, 6480)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="govproxy-demo-"))
        stack.callback(shutil.rmtree, folder)
        with console.status("Starting PostgreSQL"):
            postgres = stack.enter_context(PostgresServer())
        password = secrets.token_urlsafe(18)
        with console.status("Making the sample data"):
            create_sample(postgres, login_password=password, size=size)
        config = files.write_files(
            folder,
            port=ports[0],
            console_port=ports[1],
            upstream_host=postgres.host,
            upstream_port=postgres.port,
            login_password=password,
        )
        tokens = _mint_tokens(config)
        ready_dsn = files.connection_string(files.DBA, token=tokens[files.DBA.title], port=ports[0])
        proxy = ProxyProcess(config, log_file=folder / "proxy.log", ready_dsn=ready_dsn)
        with console.status("Starting govproxy"):
            stack.enter_context(proxy)
        console.print(Text(f"PostgreSQL ({postgres.origin}) on {HOST}:{postgres.port}, govproxy on {HOST}:{ports[0]}"))
        yield Demo(postgres=postgres, proxy=proxy, config=config, port=ports[0], tokens=tokens)


def play(demo: Demo, console: Console) -> list[str]:
    """The tour on fresh connections; gives what failed."""
    with ExitStack() as stack:
        direct = stack.enter_context(psycopg.connect(demo.postgres.dsn(sample.DATABASE), autocommit=True))
        through = {who.title: stack.enter_context(psycopg.connect(demo.dsn(who), autocommit=True)) for who in PEOPLE}
        return tour.run(Stage(console=console, direct=direct, through=through, config=demo.config))


def create_sample(postgres: PostgresServer, *, login_password: str, size: sample.Size | None = None) -> None:
    """Make the sample database on a fresh server."""
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(sample.DATABASE)))
    sample.create(postgres.dsn(sample.DATABASE), login_password=login_password, size=size)


def _mint_tokens(config: Path) -> dict[str, str]:
    issuer = load(config).identity.tokens[0]
    if issuer.signing_key is None:
        raise ConfigError("the demo's issuer has a signing key", file=config)
    key = load_signing_key(issuer.signing_key.reveal().encode())
    return {
        who.title: mint(
            key,
            issuer=issuer.issuer,
            audience=issuer.audience,
            user=who.user,
            groups=who.groups,
            agent=who.agent,
            now=time.time(),
            ttl_s=TOKEN_LIFETIME_S,
            claims=ClaimNames(user=issuer.claims.user, groups=issuer.claims.groups, agent=issuer.claims.agent),
        )
        for who in (*PEOPLE, files.LEAD)
    }


def _choose_port(wanted: int | None, usual: int) -> int:
    if wanted == 0:
        return free_port()
    number = wanted or usual
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError as error:
            if wanted is None:
                return free_port()
            raise ConfigError(f"port {number} cannot be used: {error.strerror}", hint="Choose another one.") from None
    return number


def _print_connections(console: Console, demo: Demo) -> None:
    console.print()
    console.rule(Text("Try it yourself", style="bold"), align="left", style="dim")
    for who in PEOPLE:
        console.print(Text(f"as the {who.title}:", style="bold"))
        # Not through rich's wrapping: a line that is pasted must stay one line.
        console.file.write(f"psql '{demo.dsn(who)}'\n\n")
    settings = load(demo.config)
    if settings.console is not None:
        console.print(
            Text("as the lead, who decides what is held (the DBA's DELETE FROM reviews WHERE stars = 3):", style="bold")
        )
        console.file.write(f"http://{settings.console.listen}/approvals\n")
        console.print(Text("sign in there with this token:", style="bold"))
        console.file.write(f"{demo.tokens[files.LEAD.title]}\n\n")
    console.print(Text(f"Policy, ledger and log: {demo.config.parent}", style="dim"))
    console.print(Text("Ctrl-C ends the demo and removes everything.", style="dim"))


def _wait(console: Console, demo: Demo) -> None:
    try:
        while demo.proxy.running:
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print(Text("\nStopping.", style="dim"))


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that nothing is left behind."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
