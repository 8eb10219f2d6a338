"""What instances remember across restarts: one store, one module per subject.

``store`` opens it and brings its tables up to date, ``migrations`` lists every step there ever was,
and each subject (``classification``, ``approvals``) has a module with its tables and its reads and writes.
A new subject is a new module and new steps at the end of the list.
"""
