# The tree of nodes that a plan becomes. See masktree.pyx.

from govproxy._fastpath.columnplan cimport ColumnPlan
from govproxy._fastpath.masknodes cimport Node

# The node of a plan. Raises ValueError for a plan that needs none.
cdef Node node_of(ColumnPlan column)
