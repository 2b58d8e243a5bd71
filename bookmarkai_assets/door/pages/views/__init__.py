"""Pure functions from what operations return to what a page shows: frozen values, made safe to show, no I/O."""
