"""Check a catalog: whether it is reachable, its schema revision, and whether it takes a write. Changes nothing."""

from contextlib import closing

from bookmarkai_assets.adapters.catalog.engine import Database, file_of, parse_url
from bookmarkai_assets.adapters.catalog.revisions import UPGRADE_COMMAND
from bookmarkai_assets.adapters.catalog.schema import configuration_errors, state_of
from bookmarkai_assets.core.health import CheckResult, CheckStatus


def check_catalog(url: str) -> CheckResult:
    """Check the catalog at `url`. Raises `ConfigurationError` when it cannot be reached or written."""
    database = Database(parse_url(url))
    with closing(database), configuration_errors(database, "be readable and writable"):
        state = state_of(database)
        if state.is_usable:
            # Nothing is written, but the transaction could write: a file that is read-only, or locked by a process
            # that hangs, refuses it.
            with database.engine.execution_options(is_writing=True).connect() as connection, connection.begin() as work:
                work.rollback()
            newer = (
                "" if state.is_current else f", of a later release, which code of revision {state.expected} can work on"
            )
            return CheckResult(CheckStatus.PASS, f"{database.name}, schema revision {state.found}{newer}")
    if database.is_sqlite and not file_of(database.engine.url).exists():
        return CheckResult(
            CheckStatus.WARN,
            f"{database.name} is not there yet",
            "the first command that needs it makes it, or do so",
            UPGRADE_COMMAND,
        )
    found = f"revision {state.found}" if state.found else "no schema"
    expected = f"expected {database.name} to have schema revision {state.expected}, found {found}"
    if not state.is_behind:
        return CheckResult(
            CheckStatus.FAIL,
            f"{expected}, made by another release",
            "install that release, or this one's successor",
        )
    if database.is_sqlite:
        return CheckResult(
            CheckStatus.WARN,
            expected,
            "the next command that opens it upgrades it, or do so",
            UPGRADE_COMMAND,
        )
    return CheckResult(CheckStatus.FAIL, expected, "upgrade it", UPGRADE_COMMAND)
