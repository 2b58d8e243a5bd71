"""What is kept of a caller's Idempotency-Key."""

from hashlib import sha256

PREFIX = "door:"
"""Tells our keys from those that the gateway keeps in the same column."""


def kept_key(caller: str, user_id: str, key: str, number: int) -> str:
    """Return what is kept for the link with this number in a request: 69 characters that say nothing of the key.

    The column is unique over all users and has room for 100 characters. So callers, who choose their keys without
    knowing of each other, never meet, and a key may be longer than the column.
    """
    parts = (caller, user_id, str(number), key)
    digest = sha256("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass"))
    return PREFIX + digest.hexdigest()
