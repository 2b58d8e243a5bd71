"""Releases that a cluster's processes are of. A directory with a release's code stands for its image."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bookmarkai_assets.adapters.catalog import revisions
from bookmarkai_assets.demo.cluster import processes
from tests.support.releases import EXPANDS, add_later_revision


@dataclass(frozen=True)
class Release:
    """A release's code, in a directory laid out as a checkout."""

    directory: Path

    @property
    def deployment(self) -> Path:
        """What operators copy."""
        return self.directory / "deploy" / "cluster"

    @property
    def migrations(self) -> Path:
        """The migrations of its catalog."""
        return self.directory / "bookmarkai_assets" / "adapters" / "catalog" / "migrations"

    @property
    def revisions(self) -> tuple[str, ...]:
        """Every revision that it knows, in order."""
        return tuple(sorted(path.name[1:5] for path in (self.migrations / "versions").glob("v[0-9]*_*.py")))

    @property
    def variables(self) -> Mapping[str, str]:
        """What makes a process this release's: its code comes before the installed one."""
        return {"PYTHONPATH": str(self.directory)}


THIS = Release(Path(__file__).parents[2])


def next_release(directory: Path) -> Release:
    """Make a release of this code with one more revision, which only adds."""
    release = Release(directory)
    shutil.copytree(THIS.directory / "bookmarkai_assets", directory / "bookmarkai_assets")
    shutil.copytree(THIS.deployment, release.deployment)
    add_later_revision(release.migrations, EXPANDS, oldest_code=THIS.revisions[-1])
    return release


@contextmanager
def code_of_release(release: Release) -> Iterator[None]:
    """Have this process make a schema and a cluster as that release does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revisions, "MIGRATIONS", release.migrations)
        patch.setattr(revisions, "REVISIONS", release.revisions)
        patch.setattr(processes, "DEPLOYMENT", release.deployment)
        yield
