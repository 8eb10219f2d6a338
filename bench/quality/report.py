"""The quality report as Markdown and as one HTML page with pictures inside. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from bench.page import STYLE
from bench.plots import Bar, bars
from bench.report import table

Report = dict[str, Any]
TITLE = "What govproxy recognises"


def _figure(value: float) -> str:
    return f"{value:.3f}"


def _tables(report: Report) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(heading, head, rows) of every table, for both forms."""
    generated = report["generated"]
    yield (
        "Goals",
        ["goal", "at least", "measured", ""],
        [
            [g["goal"], f"{g['least']:.2f}", _figure(g["measured"]), "met" if g["met"] else "missed"]
            for g in report["goals"]
        ],
    )
    head = ["", "columns", "precision", "recall", "right class"]
    yield (
        "Generated columns",
        head,
        [_row(name, generated[name]) for name in ("shaped", "shaped meaningless", "named", "named meaningless")]
        + [_row(f"style: {name}", found) for name, found in generated["styles"].items()],
    )
    yield "Tables of meaningless names", head, [_row("about people, and others", report["people"])]
    yield "Schemas, names alone", head, [_row(name, found) for name, found in report["schemas"].items()]
    yield (
        "Classes, generated columns",
        ["class", "columns", "precision", "recall"],
        [
            [name, str(found["columns"]), _figure(found["precision"]), _figure(found["recall"])]
            for name, found in generated["classes"].items()
        ],
    )
    yield (
        "Taken for something else",
        ["is", "was taken for", "columns"],
        [
            [c["label"] or "not sensitive", c["found"] or "not sensitive", str(c["columns"])]
            for c in generated["confusion"]
        ],
    )
    if "value_alarms" in report:
        yield (
            f"False alarms of the scan of rows, {report['scanned_per_kind']} values each",
            ["values", "share of values by kind of alarm"],
            [
                [kind, ", ".join(f"{name} {share:.3%}" for name, share in found.items()) or "none"]
                for kind, found in report["value_alarms"].items()
            ],
        )
        yield (
            "Strong shapes inside a sentence",
            ["kind", "found"],
            [[kind, f"{share:.1%}"] for kind, share in report["value_recall"].items()],
        )
    for name, found in report["texts"].items():
        yield (
            f"Texts: {name}",
            ["kind", "spans", "precision", "recall"],
            [[k, str(f["spans"]), _figure(f["precision"]), _figure(f["recall"])] for k, f in found.items()],
        )


def _row(name: str, found: dict[str, Any]) -> list[str]:
    columns = sum(found[part] for part in ("hits", "wrong_class", "misses", "false_alarms", "clean", "mentions"))
    return [name, str(columns), *(_figure(found[part]) for part in ("precision", "recall", "class_accuracy"))]


def _intro(report: Report) -> str:
    return (
        f"{report['kinds']} kinds and {report['hard_negatives']} hard negatives in {len(report['styles'])} styles of "
        f"naming, {report['values_per_column']} values a column, seed {report['seed']}, {report['seconds']} s. "
        "A column counts as found when it is masked at all; the class is counted apart. Shaped kinds can be told by "
        "their values; the others need a name that says something, and are not expected to be found without one."
    )


def markdown(report: Report) -> str:
    """The report for reading in a terminal or a repository."""
    lines = [f"# {TITLE}", "", _intro(report), ""]
    for heading, head, rows in _tables(report):
        lines += [f"## {heading}", "", *table(head, rows), ""]
    missing = report["generated"]["not_found_without_a_name"]
    lines += ["## Not found without a name", "", ", ".join(missing) or "nothing", ""]
    return "\n".join(lines)


def html(report: Report) -> str:
    """One page, no script, nothing from the network."""
    return "".join(f"{line}\n" for line in _page(report))


def _page(report: Report) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{TITLE}</title><style>{STYLE}</style></head><body><h1>{TITLE}</h1><p>{escape(_intro(report))}</p>"
    generated = report["generated"]
    yield bars(
        "Recall",
        [
            *(_bar(f"generated, {style}", found["recall"]) for style, found in generated["styles"].items()),
            *(_bar(f"schema {name}", found["recall"]) for name, found in report["schemas"].items()),
        ],
    )
    yield bars(
        "Precision",
        [
            *(_bar(f"generated, {style}", found["precision"]) for style, found in generated["styles"].items()),
            *(_bar(f"schema {name}", found["precision"]) for name, found in report["schemas"].items()),
        ],
    )
    for heading, head, rows in _tables(report):
        yield f"<h2>{escape(heading)}</h2>"
        yield from _html_table(head, rows)
    missing = generated["not_found_without_a_name"]
    yield f"<h2>Not found without a name</h2><p>{escape(', '.join(missing) or 'nothing')}</p></body></html>"


def _bar(label: str, value: float) -> Bar:
    return Bar(label=label, median=value, low=value, high=value, ours=True)


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "<table><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"
    for row in rows:
        cells = "".join(
            f'<td class="{"bad" if cell == "missed" else "good" if cell == "met" else ""}">{escape(cell)}</td>'
            for cell in row
        )
        yield f"<tr>{cells}</tr>"
    yield "</table>"
