"""Records what psql really sends for its backslash commands, as test data.

    python -m tests.support.collect_queries "host=… dbname=…" > tests/unit/sql/data/psql.sql

The database should hold at least one object of each kind named below (any content will do):
table with keys, index, statistics, trigger, policy and comment; view; materialized view; partitioned table with a
partition; child table; foreign table; sequence; enum, domain and composite type; function; publication. Statements
are separated by lines of ``-- <command>``. Last run: psql 15.18 on a 15.20 server.
"""

from __future__ import annotations

import re
import subprocess
import sys

COMMANDS = r"""
\d
\d+
\d customers
\d+ customers
\d orders
\d+ orders
\d+ v
\d+ mv
\d+ parts
\d+ parts_1
\d+ kid
\d+ ft
\d sq
\d+ customers_pkey
\d+ comp
\dt
\dt+
\dtS+ pg_c*
\dti+ *.*
\di+
\ds+
\dv+
\dm+
\dE+
\df
\df+
\dfS+ lower
\dfa
\dft
\da+
\dn
\dn+
\l
\l+
\du
\du+
\dg
\dp
\z
\ddp
\dT
\dT+
\dTS+ int*
\dD+
\dC+
\do+
\dO+
\dc+
\dx
\dx+
\dy+
\dF+
\dFd+
\dFp+
\dFt+
\dL+
\db+
\dd
\des+
\det+
\dew+
\dl
\lo_list
\dX
\dP+
\dRp+
\dA+
\dAc
\dAf
\dAo
\dAp
\drds
\dconfig *
\sf f
\sv v
\conninfo
"""

_QUERY = re.compile(r"^\*+ QUERY \*+$\n(.*?)^\*+$", re.MULTILINE | re.DOTALL)


def main(connection: str) -> None:
    """Print the file."""
    for command in COMMANDS.split("\n"):
        if not command:
            continue
        run = subprocess.run(
            ["psql", "-X", "-E", "-d", connection, "-c", command], check=False, capture_output=True, text=True
        )
        for query in _QUERY.findall(run.stdout):
            print(f"-- {command}\n{query.strip()}")


if __name__ == "__main__":
    main(sys.argv[1])
