"""How well sensitive columns and values are found: ``python -m bench.quality``.

Column sets are generated from kinds (``kinds``, ``makers``), hard negatives (``negatives``) and schemas
written down with labels (``schemas/``); texts come from files given by path. ``score`` counts, ``report``
prints. Nothing here is used by the proxy.
"""
