"""The command line: one typer app in ``app``, one module per command, imported when called."""
