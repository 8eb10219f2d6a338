"""Held statements: what is asked, who may decide, and the signed answer.

Pure values and rules: no store, no sockets, no clock of its own. The control process keeps them,
workers check a capsule before they let a statement run.
"""
