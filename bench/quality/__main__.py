"""``python -m bench.quality [--values N] [--scanned N] [--texts FILE]… [--out FOLDER]``."""

from __future__ import annotations

import argparse
from pathlib import Path

import orjson

from bench.quality.report import html, markdown
from bench.quality.run import SEED, VALUES, run


def main() -> None:
    """Measure, write ``quality.json``, ``.md`` and ``.html``, print the Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description="How well sensitive data is found.")
    parser.add_argument("--values", type=int, default=VALUES, help="values per column")
    parser.add_argument(
        "--scanned", type=int, default=20_000, help="values per kind for the scan of rows; 0: leave out"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--texts", type=Path, action="append", default=[], help="a labelled set of texts (JSON)")
    parser.add_argument("--out", type=Path, default=Path("bench/out"))
    given = parser.parse_args()
    report = run(values=given.values, seed=given.seed, scanned=given.scanned, paths=given.texts)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "quality.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    text = markdown(report)
    (given.out / "quality.md").write_text(text, encoding="utf-8")
    (given.out / "quality.html").write_text(html(report), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
