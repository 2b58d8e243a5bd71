"""What became of a run's shares in one step: a result or a failure for each. How they come about is not its matter."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from typing_extensions import override

from bookmarkai_assets.core.outcomes import Failure

Result_co = TypeVar("Result_co", covariant=True)


class ShareResults(Mapping[str, Result_co | Failure]):
    """`{share id: the step's result, or the Failure that the share ended with}`, in the order of the run's shares.

    Nothing changes one: who finds out more, such as a check, makes another.
    """

    def __init__(self, results: Mapping[str, Result_co | Failure]) -> None:
        self._results = MappingProxyType(dict(results))

    @override
    def __getitem__(self, share_id: str) -> Result_co | Failure:
        return self._results[share_id]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    @override
    def __len__(self) -> int:
        return len(self._results)

    @override
    def __repr__(self) -> str:
        return f"ShareResults({dict(self._results)!r})"

    @property
    def failures(self) -> dict[str, Failure]:
        """The shares that failed, and why."""
        return {share_id: result for share_id, result in self.items() if isinstance(result, Failure)}

    @property
    def succeeded(self) -> dict[str, Result_co]:
        """The shares that did not fail, and their results."""
        return {share_id: result for share_id, result in self.items() if not isinstance(result, Failure)}

    def with_failures(self, failures: Mapping[str, Failure]) -> "ShareResults[Result_co]":
        """Return the same results, but with these shares failed. Raises `KeyError` for one that is not among them."""
        unknown = failures.keys() - self.keys()
        if unknown:
            raise KeyError(f"expected failures of {len(self)} shares, found some of others: {sorted(unknown)}")
        return ShareResults({**self, **failures})

    def failed_at(self, step: str) -> "ShareResults[Result_co]":
        """Return the same results, with this step in each failure that names none."""
        return ShareResults(
            {
                share_id: replace(result, step=step) if isinstance(result, Failure) and not result.step else result
                for share_id, result in self.items()
            }
        )
