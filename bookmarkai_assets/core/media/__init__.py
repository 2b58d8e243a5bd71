"""Media: what is stored for a share, under which keys and tags, where it is placed and how long it is kept."""
