"""The ``approvals`` section of govproxy.yaml: who is told of held statements, and who may bring answers.

Its form is checked by ``config.schema``; here are the rules across keys. ``config.loader`` collects
the mistakes and reads the secrets.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from govproxy.config import schema
from govproxy.config.secrets import Secret, SecretSource
from govproxy.config.settings import ApprovalSettings, Callback, HookFormat, TicketService, Webhook, is_loopback
from govproxy.config.source import Key

MIN_SECRET_CHARACTERS = 16


class Reader(Protocol):
    """Reads secrets and collects mistakes: the loader."""

    def secret(self, source: SecretSource | None, *place: Key) -> Secret | None: ...
    def fail(self, message: str, *place: Key) -> None: ...


def approvals(file: schema.File, reader: Reader) -> ApprovalSettings:
    """The section as values; what is wrong with it is with ``reader`` then."""
    section = file.approvals
    if section.callbacks and file.console is None:
        reader.fail("`callbacks` come in over the console: give `console`", "approvals", "callbacks")
    webhooks = [_webhook(entry, index, reader) for index, entry in enumerate(section.webhooks)]
    callbacks = [_callback(entry, index, reader) for index, entry in enumerate(section.callbacks)]
    _unique([hook.name for hook in webhooks if hook], "webhooks", reader)
    _unique([callback.name for callback in callbacks], "callbacks", reader)
    return ApprovalSettings(
        link_base=_link_base(section.link_base, reader),
        webhooks=tuple(hook for hook in webhooks if hook is not None),
        callbacks=tuple(callbacks),
        tickets=None if section.tickets is None else _tickets(section.tickets, reader),
        retention_days=section.retention_days,
    )


def _tickets(entry: schema.TicketsEntry, reader: Reader) -> TicketService | None:
    place: tuple[Key, ...] = ("approvals", "tickets")
    text = Secret(entry.url) if isinstance(entry.url, str) else reader.secret(entry.url, *place, "url")
    secrets = _secrets(entry.secret, None, reader, place)
    url = None if text is None else _web_address(text.reveal(), "`url`", reader, (*place, "url"))
    if text is None or url is None or not secrets:
        return None
    return TicketService(name=url.hostname or "", url=text, secret=secrets[0], timeout_s=entry.timeout_s)


def _link_base(text: str | None, reader: Reader) -> str | None:
    if text is None:
        return None
    place = ("approvals", "link_base")
    url = _web_address(text, "`link_base`", reader, place)
    if url is not None and (url.query or url.fragment):
        reader.fail("`link_base`: only scheme, host and path", *place)
    return text.rstrip("/")


def _webhook(entry: schema.WebhookEntry, index: int, reader: Reader) -> Webhook | None:
    place: tuple[Key, ...] = ("approvals", "webhooks", index)
    source = entry.url
    text = Secret(source) if isinstance(source, str) else reader.secret(source, *place, "url")
    secrets = _secrets(entry.secret, entry.former_secret, reader, place)
    if entry.format == "generic" and entry.secret is None:
        reader.fail("`secret` is missing: a generic webhook is signed", *place)
    if entry.buttons and entry.format != "slack":
        reader.fail("`buttons` are for `format: slack`", *place, "buttons")
    url = None if text is None else _web_address(text.reveal(), "`url`", reader, (*place, "url"))
    if text is None or url is None:
        return None
    return Webhook(
        name=entry.name or url.hostname or "",
        url=text,
        secrets=secrets,
        format=HookFormat(entry.format),
        buttons=entry.buttons,
        events=frozenset(entry.events),
    )


def _callback(entry: schema.CallbackEntry, index: int, reader: Reader) -> Callback:
    place: tuple[Key, ...] = ("approvals", "callbacks", index)
    if (entry.format == "slack") != (entry.team is not None):
        # Security: an app's signing secret is the same in every workspace that installed it.
        reader.fail("`team`, the id of the workspace, belongs to `format: slack` and is needed there", *place)
    return Callback(
        name=entry.name,
        secrets=_secrets(entry.secret, entry.former_secret, reader, place),
        format=HookFormat(entry.format),
        team=entry.team,
        people={name: (person.user, frozenset(person.groups)) for name, person in entry.people.items()},
    )


def _secrets(
    secret: SecretSource | None, former: SecretSource | None, reader: Reader, place: tuple[Key, ...]
) -> tuple[Secret, ...]:
    found = []
    if former is not None and secret is None:
        reader.fail("`former_secret` without a `secret`", *place, "former_secret")
    for key, source in (("secret", secret), ("former_secret", former)):
        read = reader.secret(source, *place, key)
        if read is None:
            continue
        if len(read.reveal()) < MIN_SECRET_CHARACTERS:
            reader.fail(f"`{key}`: at least {MIN_SECRET_CHARACTERS} characters", *place, key)
        found.append(read)
    return tuple(found)


def _web_address(text: str, what: str, reader: Reader, place: tuple[Key, ...]) -> SplitResult | None:
    # Security: the text may be a secret; no message repeats it.
    try:
        url = urlsplit(text)
        port_is_sane = url.port is None or url.port > 0
    except ValueError:
        url, port_is_sane = None, False
    if url is None or not port_is_sane or url.scheme not in ("http", "https") or not url.hostname:
        reader.fail(f"{what} must be https://host/path", *place)
        return None
    if url.username is not None or url.password is not None:
        reader.fail(f"{what}: no user and password in it", *place)
        return None
    if url.scheme == "http" and not is_loopback(url.hostname):
        reader.fail(f"{what}: http:// only to this machine; anything else needs https://", *place)
        return None
    return url


def _unique(names: list[str], where: str, reader: Reader) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            reader.fail(f"{name!r} is given twice; `name` tells them apart", "approvals", where, index)
