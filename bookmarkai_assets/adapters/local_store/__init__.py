"""Media in a local directory: `MediaStore` over one file tree. Keys are relative paths in it, URLs absolute paths.

The directory belongs to the pipeline. Nobody else creates symbolic links in it while a transfer runs.
"""

from bookmarkai_assets.adapters.local_store.store import LocalStore

__all__ = ["LocalStore"]
