"""``python -m tests.fuzz.leaks [--seconds N] [--seed N]``: fuzz for long; exit 1 when something was found.

``--again SEED --form FORM --text SQL`` runs one statement (steps separated by `` ;; ``) in the world
of that seed instead, and says what is wrong with it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time

from govproxy.demo.postgres import PostgresServer
from govproxy.demo.proxy import ProxyFailed
from tests.fuzz.leaks import report
from tests.fuzz.leaks.runner import Tally, fuzzing, run, source_for
from tests.fuzz.leaks.statements import STEP, Statement
from tests.fuzz.leaks.wireforms import Form
from tests.support.postgres import Postgres, reused_server

MAX_FINDS = 50  # beyond, it is one and the same thing


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.leaks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3_600.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first schema; the next ones follow")
    parser.add_argument("--statements", type=int, default=1_500, help="per schema")
    parser.add_argument("--again", type=int, help="the seed of a find")
    parser.add_argument("--form", default="simple/0")
    parser.add_argument("--who", default="analyst")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--text", default="")
    options = parser.parse_args()
    work = _fuzz if options.again is None else _again
    if (reused := reused_server()) is not None:
        return work(reused, options)
    with PostgresServer() as server:
        return work(server, options)


def _fuzz(postgres: Postgres, options: argparse.Namespace) -> int:
    started = time.monotonic()
    deadline = started + options.seconds
    tally = Tally()
    for seed in itertools.count(options.seed):
        if time.monotonic() >= deadline or len(tally.finds) >= MAX_FINDS:
            break
        until = tally.statements + options.statements

        def go_on(until: int = until, seed: int = seed) -> bool:
            report.progress(tally, seed, started, options.seconds)
            return tally.statements < until and time.monotonic() < deadline and len(tally.finds) < MAX_FINDS

        try:
            for find in run(postgres, source_for(seed), tally, go_on=go_on):
                print(f"\n{report.describe(find)}", flush=True)
        except ProxyFailed as error:
            # A machine that is too busy is no find, and no reason to end an hour's work; but it is said.
            if "did not stop within" not in str(error):
                raise
            print(f"seed {seed}: {str(error).splitlines()[0]}", flush=True)
        print(f"seed {seed} done after {time.monotonic() - started:.0f} s: {tally.statements} statements, "
              f"{len(tally.finds)} finds", flush=True)  # fmt: skip
    print(report.summary(tally, time.monotonic() - started))
    return 1 if tally.finds else 0


def _again(postgres: Postgres, options: argparse.Namespace) -> int:
    source = source_for(options.again)
    name, _, number = options.form.partition("/")
    steps = tuple(options.text.split(STEP))
    statement = Statement(kind="again", steps=steps, clean=options.clean, who=options.who)
    with fuzzing(postgres, source) as fuzz:
        verdict = fuzz.try_one(statement, Form(name=name, seed=int(number or 0)))
    print(f"{verdict.outcome}: {verdict.wrong or 'nothing wrong'} {verdict.detail}")
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
