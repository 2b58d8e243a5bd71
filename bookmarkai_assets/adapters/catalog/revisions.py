"""Which revision a schema has, which one this code was written for, and whether the two go together.

A schema newer than the code is the rule while a cluster is upgraded: it is migrated first, and the workers follow one
by one. So a schema records the oldest code that can work on it, `oldest_code`: a revision that declares an older one
than its own only adds to what that code knows (docs/adr/0040). The migrations themselves are run by `schema`.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from bookmarkai_assets.adapters.catalog.engine import mask_password
from bookmarkai_assets.adapters.catalog.tables.base import SCHEMA_VERSION_TABLE
from bookmarkai_assets.core.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"

REVISIONS = tuple(sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("v[0-9][0-9][0-9][0-9]_*.py")))
"""Every revision in order, by the names of its files, because opening does not load Alembic to read how they chain."""

UPGRADE_COMMAND = "bookmarkai catalog upgrade"


@dataclass(frozen=True)
class SchemaState:
    """The revision that a database has (None: no schema of ours), and the one that this code was written for.

    `oldest_code` is the revision of the oldest code that can work on the database. None: the schema does not say so,
    and only the code of its own revision can.
    """

    found: str | None
    expected: str
    oldest_code: str | None = None

    @property
    def is_current(self) -> bool:
        """Whether the database is as this code expects it."""
        return self.found == self.expected

    @property
    def is_usable(self) -> bool:
        """Whether this code can work on the database as it is: it is current, or newer and says that it can."""
        return self.is_current or self._suits_older_code

    @property
    def is_behind(self) -> bool:
        """Whether an upgrade by this code would help. A revision that it does not know is from a later release."""
        return self.found is None or self.found in REVISIONS[:-1]

    @property
    def remedy(self) -> str | None:
        """What to do so that this code can work on the database; None if it can."""
        if self.is_usable:
            return None
        if self.is_behind:
            return f"run `{UPGRADE_COMMAND}`"
        if self.oldest_code is None:
            return (
                "it was made by another release: install that one, or this one's successor, then run "
                f"`{UPGRADE_COMMAND}`"
            )
        return (
            f"it was made by another release, and needs code of revision {self.oldest_code} or later: install that "
            "release on this machine, and restart what runs here"
        )

    @property
    def _suits_older_code(self) -> bool:
        if self.found is None or self.oldest_code is None:
            return False
        return self.oldest_code <= self.expected < self.found


def read_state(connection: Connection) -> SchemaState:
    """Read the state of a schema, by one query. Raises SQLAlchemy's `DBAPIError` if there is none."""
    # Every column, because a schema before revision 0013 has no `oldest_code`, and one that is ahead may have more. As
    # the driver's own SQL: SQLAlchemy would keep the statement with the columns that it had the first time.
    rows = connection.exec_driver_sql(f"SELECT * FROM {SCHEMA_VERSION_TABLE}").mappings().all()  # noqa: S608 - our own name
    return SchemaState(
        found=", ".join(sorted(row["version_num"] for row in rows)) or None,
        expected=REVISIONS[-1],
        oldest_code=rows[0].get("oldest_code") if len(rows) == 1 else None,
    )


def require_usable(connection: Connection) -> None:
    """Check that this code can still work on the schema. Raises `ConfigurationError`.

    A catalog is checked when it is opened. A process that keeps it open for long checks again before it takes work,
    because an upgrade may have come between. That costs one query, of one row. It is no lock: a share that is taken at
    the very moment of an upgrade is like one that was taken just before.
    """
    state = read_state(connection)
    if not state.is_usable:
        raise schema_error(mask_password(connection.engine.url), state)


def schema_error(name: str, state: SchemaState) -> ConfigurationError:
    """Return the error for the schema of the catalog `name`, which this code cannot work on: what to do about it."""
    found = f"revision {state.found}" if state.found else "no schema"
    return ConfigurationError(
        f"expected the catalog {name} to have schema revision {state.expected}, found {found}; {state.remedy}"
    )
