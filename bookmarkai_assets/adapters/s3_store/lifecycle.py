"""Compare a bucket's lifecycle rules with what the catalog expects of them. Pure functions.

They take rules in the form of S3's answers. Other modules read them from the bucket. Only an operator sets them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from bookmarkai_assets.core.media.retention import EXPIRING_PREFIX

Rule: TypeAlias = Mapping[str, Any]
"""One rule, in the form of `GetBucketLifecycleConfiguration`'s answer."""

_ID = "bookmarkai-media"

ABORT_DAYS = 1
"""The minimum that S3 accepts. No upload of one video takes a day."""


def losses_of(rules: Sequence[Rule], prefix: str) -> list[str]:
    """Describe the rules that delete objects below a prefix where none should. Empty if all is well."""
    return [f"{_name(rule)} deletes objects {_when(rule)}" for rule in _expirations(rules, prefix)]


def problems_of(rules: Sequence[Rule], prefix: str, *, days: int | None) -> list[str]:
    """Describe what is wrong with the rules for objects below `prefix`. Empty if all is well.

    Objects should expire `days` after they were stored (None: this is not checked), and unfinished uploads should be
    aborted. If several rules apply to an object, the earliest expiry counts, as in Amazon S3.
    """
    problems = []
    whole = [rule for rule in _enabled(rules) if _covers(rule, prefix)]
    if days is not None:
        problems += [
            f"{_name(rule)} deletes objects {_when(rule)}, before the {days} days of S3_EXPIRY_DAYS"
            for rule in _too_early(rules, prefix, days)
        ]
        lives = [rule["Expiration"]["Days"] for rule in whole if "Days" in rule.get("Expiration", {})]
        if not lives:
            problems.append(f"no enabled rule expires everything under {prefix}")
        elif min(lives) > days:
            problems.append(f"objects expire after {min(lives)} days, not after the {days} of S3_EXPIRY_DAYS")
    if not any("AbortIncompleteMultipartUpload" in rule for rule in whole):
        problems.append(f"no enabled rule aborts unfinished multipart uploads under {prefix}")
    return problems


@dataclass(frozen=True)
class Change:
    """What to set on a bucket: the whole `configuration` as JSON, because S3 only replaces all rules at once.

    `kept` is the number of existing rules in it. `removed` are the names of those that are not in it.
    """

    configuration: str
    kept: int
    removed: tuple[str, ...]


def change_of(rules: Sequence[Rule], prefix: str, *, days: int | None) -> Change:
    """Return rules without a problem: the one that is needed, and the existing ones that do not delete too early."""
    early = _too_early(rules, prefix, days) if days is not None else []
    kept = [rule for rule in rules if rule not in early and rule.get("ID") != _ID]
    configuration = json.dumps({"Rules": [*kept, _wanted_rule(prefix, days=days)]}, default=_as_text)
    return Change(configuration, len(kept), tuple(_name(rule) for rule in early))


def _wanted_rule(prefix: str, *, days: int | None) -> Rule:
    return {
        "ID": _ID,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix if days is None else EXPIRING_PREFIX},
        **({"Expiration": {"Days": days}} if days is not None else {}),
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_DAYS},
    }


def _as_text(value: object) -> str:
    """Format a rule's date as AWS's command line reads it."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"expected plain values and dates in a lifecycle rule, found {type(value).__name__}")


def _too_early(rules: Sequence[Rule], prefix: str, days: int) -> list[Rule]:
    return [
        rule
        for rule in _expirations(rules, prefix)
        if "Days" not in rule["Expiration"] or rule["Expiration"]["Days"] < days
    ]


def _enabled(rules: Sequence[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.get("Status") == "Enabled"]


def _expirations(rules: Sequence[Rule], prefix: str) -> list[Rule]:
    """Return the enabled rules that delete everything below the prefix, or a part of it."""
    return [
        rule
        for rule in _enabled(rules)
        if {"Days", "Date"} & rule.get("Expiration", {}).keys()
        and (prefix.startswith(_prefix(rule)) or _prefix(rule).startswith(prefix))
    ]


def _covers(rule: Rule, prefix: str) -> bool:
    """Whether the rule is for everything below the prefix, and not only for a part of it, some tags or some sizes."""
    conditions = rule.get("Filter", {})
    return prefix.startswith(_prefix(rule)) and not conditions.keys() - {"Prefix"}


def _prefix(rule: Rule) -> str:
    conditions = rule.get("Filter", {})
    # A rule with tags or sizes has it in `And`. Old rules have it at the top level.
    found = conditions.get("Prefix") or conditions.get("And", {}).get("Prefix") or rule.get("Prefix") or ""
    return str(found)


def _name(rule: Rule) -> str:
    return f"rule {rule.get('ID', 'without an ID')!r}"


def _when(rule: Rule) -> str:
    expiration = rule["Expiration"]
    return f"after {expiration['Days']} days" if "Days" in expiration else f"on {expiration['Date']:%Y-%m-%d}"
