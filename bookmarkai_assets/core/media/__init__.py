"""Media: their parts, keys and tags, where they are placed, and how long they are kept."""
