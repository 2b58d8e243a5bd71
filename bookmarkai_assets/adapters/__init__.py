"""One vendor per file or package, each behind a port of the core. Adapters never import each other."""
