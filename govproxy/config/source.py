"""Reading YAML strictly, with the line of every value.

Turns a file into plain Python values plus a map from each value's path to its line, and turns
pydantic's complaints about such values into ``ConfigError``s that name file and line. It knows
nothing of what the files mean; ``config.loader`` and ``policy.loader`` do.

Strict means: YAML 1.2 scalars (``on``, ``no`` and ``010`` are what they look like), one
document, no directives, tags, anchors, aliases or merge keys, and no key twice. ``${…}`` is
ordinary text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from govproxy.errors import ConfigError, ConfigErrors

MAX_FILE_BYTES = 4 << 20
MAX_DEPTH = 32

Key = str | int
Location = tuple[Key, ...]
Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
ModelT = TypeVar("ModelT", bound=BaseModel)

_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file as plain values. ``lines`` maps the path of every value to its 1-based line."""

    file: Path
    data: Value
    lines: Mapping[Location, int] = field(default_factory=dict)

    def line(self, location: Sequence[Key]) -> int:
        """The line of the value at ``location``, or of its nearest existing ancestor."""
        path = tuple(location)
        while path:
            if (line := self.lines.get(path)) is not None:
                return line
            path = path[:-1]
        return self.lines.get((), 1)

    def error(self, location: Sequence[Key], message: str, *, hint: str | None = None) -> ConfigError:
        """A ``ConfigError`` that points at ``location``."""
        return ConfigError(message, file=self.file, line=self.line(location), hint=hint)


def read(file: Path) -> Document:
    """Read one YAML file. Raises ConfigErrors with everything wrong about its form."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigErrors([ConfigError(f"cannot be read: {error.strerror or error}", file=file)]) from None
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigErrors([ConfigError(f"larger than {MAX_FILE_BYTES} bytes", file=file)])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigErrors([ConfigError("not valid UTF-8", file=file, line=line)]) from None
    return parse(text, file)


def parse(text: str, file: Path) -> Document:
    """As ``read``, for a text that is already here; ``file`` only names it in errors."""
    try:
        _refuse_features(text, file)
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise ConfigErrors([_syntax_error(error, file)]) from None
    except (RecursionError, ValueError) as error:
        # ValueError: characters YAML does not allow, as ruamel reports some of them.
        raise ConfigErrors([ConfigError(f"not readable as YAML: {type(error).__name__}", file=file)]) from None
    if node is None:
        return Document(file=file, data={}, lines={(): 1})
    builder = _Builder(file)
    data = builder.value(node, ())
    if builder.errors:
        raise ConfigErrors(sorted(builder.errors, key=lambda error: error.line or 0))
    return Document(file=file, data=data, lines=builder.lines)


def _refuse_features(text: str, file: Path) -> None:
    """Refuse what could make the text mean something else than it shows."""
    errors: list[ConfigError] = []
    documents = depth = 0
    event: Event
    for event in YAML(typ="safe", pure=True).parse(text):
        line = event.start_mark.line + 1
        depth += isinstance(event, SequenceStartEvent | MappingStartEvent)
        depth -= isinstance(event, SequenceEndEvent | MappingEndEvent)
        if depth > MAX_DEPTH:
            raise ConfigErrors([ConfigError(f"nested more than {MAX_DEPTH} deep", file=file, line=line)])
        match event:
            case DocumentStartEvent():
                documents += 1
                if documents == 2:
                    errors.append(ConfigError("a second document; one file holds one", file=file, line=line))
                if event.version or event.tags:
                    # Security: "%YAML 1.1" would bring back `on` = true and `010` = 8.
                    errors.append(ConfigError("YAML directives (%) are not accepted", file=file, line=line))
            case AliasEvent():
                errors.append(ConfigError("YAML aliases (*name) are not accepted", file=file, line=line))
            case ScalarEvent() | SequenceStartEvent() | MappingStartEvent():
                if event.anchor is not None:
                    errors.append(ConfigError("YAML anchors (&name) are not accepted", file=file, line=line))
                if event.tag is not None:
                    errors.append(ConfigError(f"YAML tags ({event.tag}) are not accepted", file=file, line=line))
            case _:
                pass
    if errors:
        raise ConfigErrors(errors)


def _syntax_error(error: YAMLError, file: Path) -> ConfigError:
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "not valid YAML"
        return ConfigError(f"YAML: {problem}", file=file, line=mark.line + 1 if mark is not None else None)
    return ConfigError(f"YAML: {str(error).splitlines()[0]}", file=file)


class _Builder:
    """Builds plain values from nodes, collecting every mistake on the way."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[Location, int] = {}
        self.errors: list[ConfigError] = []

    def value(self, node: Node, path: Location) -> Value:
        self.lines[path] = node.start_mark.line + 1
        match node:
            case MappingNode():
                return self._mapping(node, path)
            case SequenceNode():
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            case ScalarNode():
                return self._scalar(node)
            case _:
                raise AssertionError(f"unknown YAML node {type(node).__name__}")

    def _mapping(self, node: MappingNode, path: Location) -> dict[str, Value]:
        result: dict[str, Value] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._fail("a key must be a plain word", line)
                continue
            key = str(key_node.value)
            if key == "<<" and key_node.style is None:
                self._fail("YAML merge keys (<<) are not accepted", line)
                continue
            location = (*path, key)
            if key in result:
                self._fail(f"duplicate key `{key}` (first in line {self.lines[location]})", line)
                continue
            result[key] = self.value(value_node, location)
            self.lines[location] = line
        return result

    def _scalar(self, node: ScalarNode) -> Value:
        text = str(node.value)
        if node.style is not None:  # quoted or block: always text
            return text
        match text:
            case "" | "~" | "null" | "Null" | "NULL":
                return None
            case "true" | "True" | "TRUE":
                return True
            case "false" | "False" | "FALSE":
                return False
        if _INT.match(text):
            return int(text) if len(text) <= 20 else text
        if _FLOAT.match(text):
            return float(text)
        return text

    def _fail(self, message: str, line: int) -> None:
        self.errors.append(ConfigError(message, file=self.file, line=line))


def validate(document: Document, model: type[ModelT]) -> ModelT:
    """Check ``document`` against a pydantic model. Raises ConfigErrors with all mistakes."""
    try:
        return model.model_validate(document.data, strict=True)
    except ValidationError as error:
        raise ConfigErrors(validation_errors(document, model, error)) from None


def validation_errors(document: Document, model: type[BaseModel], error: ValidationError) -> list[ConfigError]:
    """Translate pydantic's list of errors; each gets the line of the value it is about."""
    found: dict[tuple[int, str], ConfigError] = {}
    for item in error.errors(include_url=False, include_context=True):
        location = _existing(document, item["loc"])
        key = str(item["loc"][-1]) if item["loc"] else ""
        match item["type"]:
            case "extra_forbidden":
                message = f"unknown key `{key}`{_suggestion(key, _known_keys(model, item['loc'][:-1]))}"
            case "missing":
                message = f"missing key `{key}`"
            case "model_type" | "dict_type":
                message = f"{_dotted(location)}keys with values are expected here"
            case "value_error":
                message = f"{_dotted(location)}{item['ctx']['error']}"
            case _:
                message = f"{_dotted(location)}{item['msg'][:1].lower()}{item['msg'][1:]}"
        # Security: pydantic's own text may quote the input; only its `msg` is used, never `input`.
        made = document.error(location, message)
        found.setdefault((made.line or 0, message), made)
    return [found[place] for place in sorted(found)]


def _existing(document: Document, location: Sequence[Key]) -> Location:
    """The longest prefix of pydantic's location that is in the file (it adds union tags)."""
    path: Location = ()
    for part in location:
        if (*path, part) in document.lines:
            path = (*path, part)
    return path


def _dotted(location: Location) -> str:
    if not location:
        return ""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"`{text.removeprefix('.')}`: "


def _known_keys(model: type[BaseModel], location: Sequence[Key]) -> list[str]:
    """Keys the schema knows at ``location``, followed through the JSON schema of the model."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    nodes: list[Schema] = [schema]
    for part in location:
        following: list[Schema] = []
        for node in _resolve(nodes, definitions):
            if isinstance(part, int):
                following.append(node.get("items", {}))
            elif part in node.get("properties", {}):
                following.append(node["properties"][part])
            elif isinstance(node.get("additionalProperties"), dict):
                following.append(node["additionalProperties"])
        nodes = following or nodes
    return sorted({key for node in _resolve(nodes, definitions) for key in node.get("properties", {})})


# A JSON schema is untyped by nature; it is only walked for key names.
Schema = dict[str, Any]


def _resolve(nodes: list[Schema], definitions: Mapping[str, Schema]) -> list[Schema]:
    resolved: list[Schema] = []
    for node in nodes:
        if isinstance(reference := node.get("$ref"), str):
            resolved += _resolve([definitions[reference.rsplit("/", 1)[-1]]], definitions)
        elif isinstance(options := node.get("anyOf"), list):
            resolved += _resolve(options, definitions)
        else:
            resolved.append(node)
    return resolved


def suggestion(word: str, known: Sequence[str]) -> str:
    """``; did you mean `x`?`` when something known is near, or ''."""
    return _suggestion(word, known)


def _suggestion(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""
