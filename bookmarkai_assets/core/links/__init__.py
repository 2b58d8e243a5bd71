"""Links: which ones are accepted, which platform each belongs to, and the canonical URL of its video."""
