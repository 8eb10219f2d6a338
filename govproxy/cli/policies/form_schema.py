"""``govproxy policy schema``: the form of policy.yaml, govproxy.yaml and files of cases, as JSON schemas.

Editors read them from docs/schema; a test compares those with what is made here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel

from govproxy.cli.policies.form import CasesFile
from govproxy.config import schema as configuration
from govproxy.policy import schema as policy

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FORMS: dict[str, tuple[str, type[BaseModel]]] = {
    "policy": ("A policy of govproxy", policy.File),
    "govproxy": ("The configuration of govproxy", configuration.File),
    "cases": ("Cases for govproxy policy test", CasesFile),
}


def run(form: str, directory: Path | None) -> None:
    """Print one schema, or write all of them into a folder."""
    if directory is None:
        sys.stdout.write(rendered(form))
        return
    directory.mkdir(parents=True, exist_ok=True)
    for name in FORMS:
        (directory / f"{name}.schema.json").write_text(rendered(name))


def rendered(form: str) -> str:
    """The schema as text, always the same for the same code."""
    title, model = FORMS[form]
    found: dict[str, Any] = {"$schema": DIALECT, **model.model_json_schema(by_alias=True), "title": title}
    found.pop("description", None)
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n"
