"""Search: the query language, and how a text becomes searchable words."""
