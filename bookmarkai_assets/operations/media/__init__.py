"""Media: transfer them, place them, move them between backends, and read them from the catalog."""
