"""A differential leak fuzzer: generated schemas with planted values, generated statements, any wire form.

Two claims are tested, each for every statement: no planted value reaches a masked client in any
encoding the detector knows; and a statement that touches nothing sensitive gives what a direct
connection gives. ``python -m tests.fuzz.leaks`` runs it for long.
"""
