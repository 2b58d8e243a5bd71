"""Search: the query language, and what is searched for a word."""
