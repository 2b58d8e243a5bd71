"""Storage as a whole: move, clean up, verify, check, and rebuild the catalog."""
