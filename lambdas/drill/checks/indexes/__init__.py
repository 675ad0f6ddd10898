"""How indexes are held against their tables; the checks ``btrees`` and ``self_find`` use it.

- :mod:`definition`: what an index is made of, read from the catalogs once.
- :mod:`planner`: how the planner is brought to read one very index, and what is said if it won't.
- :mod:`lookups`: each row of the table finds itself; its SQL is in :mod:`queries`.
- :mod:`fresh`: whether an index made of the same rows finds them; if not, no index does.
- :mod:`contents`: what an index-only scan gives is what the table holds.
- :mod:`row_counts`: a scan of the whole index gives as many rows as there are.
- :mod:`absent_keys`: a search for a key that no row has gives none.
"""
