"""``classes`` and ``recognise`` of a policy: what is sensitive here and nowhere else.

Checks names, tags, maskers, words and value patterns; decides nothing.
"""

from __future__ import annotations

from govproxy.config.source import Document, Key, suggestion
from govproxy.errors import ConfigError
from govproxy.masking import taxonomy
from govproxy.masking.patterns import compiled
from govproxy.masking.values import Masker, OwnTaxonomy, Recognition, SensitiveClass
from govproxy.policy import schema

_SHORTEST_WORDS = 3


def known_masker(word: str) -> Masker:
    """The masker of that name. Raises ValueError with a text for people."""
    try:
        return Masker(word)
    except ValueError:
        known = [masker.value for masker in Masker]
        near = suggestion(word, known) or f" (known: {', '.join(known)})"
        raise ValueError(f"unknown masker `{word}`{near}") from None


class OwnReader:
    """Reads both sections, adding mistakes to ``errors``. ``base``: what the pack below brings along."""

    def __init__(self, document: Document, base: OwnTaxonomy, errors: list[ConfigError]) -> None:
        self._document = document
        self._base = base
        self._errors = errors

    def read(self, file: schema.File) -> OwnTaxonomy:
        """Classes and recognitions of the file, after those of the pack."""
        classes = list(self._base.classes)
        for index, entry in enumerate(file.classes):
            made = self._class(entry, {known.name for known in classes}, ("classes", index))
            if made is not None:
                classes.append(made)
        rules = tuple(
            self._recognition(entry, classes, ("recognise", index)) for index, entry in enumerate(file.recognise)
        )
        return OwnTaxonomy(classes=tuple(classes), recognitions=self._base.recognitions + rules)

    def _class(self, entry: schema.ClassEntry, own: set[str], place: tuple[Key, ...]) -> SensitiveClass | None:
        if entry.name in taxonomy.ENTRIES:
            self._fail(f"class `{entry.name}` is built in; `recognise` can add to it", *place, "name")
            return None
        if entry.name in own:
            self._fail(f"class `{entry.name}` is given twice", *place, "name")
            return None
        groups = [tag for tag in entry.tags if tag in taxonomy.GROUPS]
        if len(groups) != 1:
            # Security: with two groups, a right on either would open it.
            self._fail(f"give exactly one of the tags {', '.join(taxonomy.GROUPS)}", *place, "tags")
            return None
        (group,) = groups
        for index, tag in enumerate(entry.tags):
            if tag != group and not tag.startswith(f"{group}."):
                self._fail(f"tag `{tag}`: further tags begin with `{group}.`", *place, "tags", index)
        masker = Masker.REDACT
        try:
            masker = known_masker(entry.mask)
        except ValueError as error:
            self._fail(str(error), *place, "mask")
        tags = frozenset({*entry.tags, f"{group}.{entry.name}"})
        return SensitiveClass(name=entry.name, tags=tags, level=entry.level, masker=masker)

    def _recognition(
        self, entry: schema.RecogniseEntry, own: list[SensitiveClass], place: tuple[Key, ...]
    ) -> Recognition:
        names = [*taxonomy.ENTRIES, *(known.name for known in own)]
        if entry.of not in names:
            self._fail(f"unknown class `{entry.of}`{suggestion(entry.of, names)}", *place, "class")
        if not entry.words and not entry.columns and entry.values is None:
            self._fail("recognises nothing: give `words`, `columns` or `values`", *place)
        for index, words in enumerate(entry.words):
            if len("".join(words.split())) < _SHORTEST_WORDS or not words.replace(" ", "").isalnum():
                self._fail(
                    f"`{words}`: words of a column's name, letters and digits, with spaces", *place, "words", index
                )
        for index, pattern in enumerate(entry.columns):
            parts = pattern.split(".")
            if len(parts) != 3 or not all(parts):
                self._fail(f"`{pattern}` is not schema.table.column", *place, "columns", index)
        if entry.values is not None:
            try:
                compiled(entry.values)
            except ValueError as error:
                self._fail(f"`values` {error}", *place, "values")
        return Recognition(
            name=entry.of,
            words=tuple(entry.words),
            columns=tuple(pattern for pattern in entry.columns if pattern.count(".") == 2),
            values=entry.values or "",
            share=entry.share,
        )

    def _fail(self, message: str, *place: Key) -> None:
        self._errors.append(self._document.error(place, f"{place[0]}: {message}"))
