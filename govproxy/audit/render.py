"""One ledger event as a line for people: parts of text with a style each. Knows no terminal.

Security: texts in a ledger were chosen by clients. Control characters, bidirectional overrides and
zero-width characters are shown as escapes, so that a line cannot move the cursor or read differently
from what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from govproxy.audit.read import Entry

Part = tuple[str, str]  # text, style name

DECISION_STYLES = {"allow": "green", "deny": "bold red", "hold": "yellow"}
_PLAIN = ""


def visible(text: str) -> str:
    """``text`` on one line with everything unprintable escaped; runs of white space become one blank."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def line(entry: Entry, *, width: int = 0) -> list[Part]:
    """The parts of one line; ``width`` > 0 cuts the last one so that the line fits."""
    parts = [(entry.time.replace("T", " ").rstrip("Z")[:23].ljust(23), "dim"), (" ", _PLAIN)]
    parts += _body(entry)
    if width:
        room = width - sum(len(text) for text, _ in parts[:-1])
        text, style = parts[-1]
        if len(text) > room:
            parts[-1] = (text[: max(0, room - 1)] + "…", style)
    return parts


def plain(entry: Entry) -> str:
    """The same as text, never cut."""
    return "".join(text for text, _ in line(entry)).rstrip()


def _body(entry: Entry) -> Iterator[Part]:
    event = entry.event
    match entry.kind:
        case "statement":
            decision = _text(event, "decision")
            yield from _who(event)
            yield decision.ljust(6), DECISION_STYLES.get(decision, "bold")
            yield f" {_actions(event) or '-':<8} ", "cyan"
            yield f"{', '.join(_texts(event, 'tables')) or '-'} ", "magenta"
            if decision != "allow":
                yield f"[{', '.join(_texts(event, 'rules'))}] ", "red"
            yield _text(event, "sql"), _PLAIN
        case "outcome":
            status = _text(event, "status")
            yield f"  {_text(event, 'id')} ", "dim"
            yield status, "dim" if status == "ok" else "yellow"
            if event.get("sqlstate"):
                yield f" {_text(event, 'sqlstate')}", "yellow"
            masked = event.get("masked_values")
            yield f" {event.get('rows', 0)} rows, {_ms(event.get('duration_us'))}", "dim"
            yield (f", {masked} values masked" if masked else ""), "dim"
        case "session_start" | "session_end":
            yield from _who(event)
            yield entry.kind, "blue"
            extra = f" {_text(event, 'application')}" if event.get("application") else ""
            yield f" {_text(event, 'database')} from {_text(event, 'client')}{extra}", "dim"
        case "auth_failure":
            yield f"{_text(event, 'user') or '?'} ", "bold"
            yield "refused", "bold red"
            yield f" {_text(event, 'sqlstate')} from {_text(event, 'client')}: {_text(event, 'reason')}", _PLAIN
        case kind:
            rest = {name: value for name, value in event.items() if name not in ("event", "time")}
            yield visible(kind), "bold" if kind == "unreadable" else "blue"
            yield " " + visible(", ".join(f"{name}={value}" for name, value in rest.items())), _PLAIN


def _who(event: Mapping[str, object]) -> Iterator[Part]:
    agent = _text(event, "agent")
    yield f"{_text(event, 'user')}{f' ({agent})' if agent else ''} ", "bold"


def _actions(event: Mapping[str, object]) -> str:
    effects = event.get("effects")
    found = (
        [str(e["action"]) for e in effects if isinstance(e, dict) and "action" in e]
        if isinstance(effects, list)
        else []
    )
    return visible(",".join(dict.fromkeys(found))).upper()


def _text(event: Mapping[str, object], name: str) -> str:
    value = event.get(name)
    return "" if value is None else visible(str(value))


def _texts(event: Mapping[str, object], name: str) -> list[str]:
    value = event.get(name)
    return [visible(str(item)) for item in value] if isinstance(value, list) else []


def _ms(value: object) -> str:
    return f"{value / 1000:.1f} ms" if isinstance(value, int) else "? ms"
