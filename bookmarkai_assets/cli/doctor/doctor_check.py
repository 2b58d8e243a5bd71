"""The entries of the doctor's list of checks. An entry holds all that is fixed about a check, its names included."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from typing_extensions import override

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.operations.health.doctor import LIMIT_SECONDS, Check, Report, make_check
from bookmarkai_assets.settings.settings import Settings

_UNTRIED = CheckResult(CheckStatus.SKIP, "not tried, because the settings are not usable")


class DoctorCheck(ABC):
    """One entry on the list."""

    @abstractmethod
    def prepare(self, settings: Settings | ConfigurationError) -> Sequence[Check]:
        """Return what there is to run. Settings that are not usable are given as the error that says so."""


@dataclass(frozen=True, kw_only=True)
class UnconditionalCheck(DoctorCheck):
    """A check that needs no settings: it also runs if they are not usable."""

    name: str
    run: Callable[[Settings | ConfigurationError], CheckResult]
    limit_seconds: float = LIMIT_SECONDS

    @override
    def prepare(self, settings: Settings | ConfigurationError) -> Sequence[Check]:
        return [make_check(self.name, partial(self.run, settings), limit_seconds=self.limit_seconds)]


class NeedsSettings(DoctorCheck):
    """A check that needs settings: it is skipped if they are not usable."""

    @property
    @abstractmethod
    def untried_names(self) -> Sequence[str]:
        """The names under which it is then skipped."""

    @abstractmethod
    def prepare_under(self, settings: Settings) -> Sequence[Check]:
        """Return what there is to run under these settings."""

    @override
    def prepare(self, settings: Settings | ConfigurationError) -> Sequence[Check]:
        if isinstance(settings, ConfigurationError):
            return [make_check(name, lambda: _UNTRIED) for name in self.untried_names]
        return self.prepare_under(settings)


@dataclass(frozen=True, kw_only=True)
class SettingsCheck(NeedsSettings):
    """A check with a result for each of its names, which it reports in their order."""

    names: tuple[str, ...]
    run: Callable[[Settings, Report], object]
    limit_seconds: float = LIMIT_SECONDS
    is_skipped_as_one: bool = False
    """Whether only the first name is shown as skipped, instead of each of them."""

    @property
    @override
    def untried_names(self) -> Sequence[str]:
        return self.names[:1] if self.is_skipped_as_one else self.names

    @override
    def prepare_under(self, settings: Settings) -> Sequence[Check]:
        return [Check(self.names, partial(self.run, settings), self.limit_seconds)]


@dataclass(frozen=True, kw_only=True)
class OptionalCheck(NeedsSettings):
    """A check of something that may not be configured. `run` then returns None, and `not_configured` is shown."""

    name: str
    run: Callable[[Settings], CheckResult | None]
    not_configured: str
    limit_seconds: float = LIMIT_SECONDS

    @property
    @override
    def untried_names(self) -> Sequence[str]:
        return (self.name,)

    @override
    def prepare_under(self, settings: Settings) -> Sequence[Check]:
        def run() -> CheckResult:
            return self.run(settings) or CheckResult(CheckStatus.SKIP, self.not_configured)

        return [make_check(self.name, run, limit_seconds=self.limit_seconds)]
