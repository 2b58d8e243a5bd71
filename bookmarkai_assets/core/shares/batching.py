"""How claimed shares are packed into runs. Dagster names a run's partitions by a range in insertion order."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

WORTH_A_RUN = 5
"""Shares. A run's process spends some 3 s of CPU time on its start, about what two short videos take."""


def even_batch_size(count: int, *, batch_size: int, run_slots: int) -> int:
    """Say how large runs of `count` shares should be so that those at work at a time, `run_slots`, end together.

    As few runs as `batch_size` allows would leave a rest for the last one, and all cores but one idle meanwhile. So
    there are as many as fill the slots once or several times, unless that leaves less than `WORTH_A_RUN` for each.
    """
    fewest = -(-count // batch_size)
    filled = -(-fewest // run_slots) * run_slots
    runs = max(fewest, min(filled, count // WORTH_A_RUN), 1)
    return max(-(-count // runs), 1)


def pack_runs(
    share_ids: Iterable[str],
    *,
    positions: Mapping[str, int],
    alone: AbstractSet[str],
    lanes: Mapping[str, str],
    batch_size: int,
) -> list[list[str]]:
    """Pack shares into runs of at most `batch_size` whose partitions are neighbours.

    `positions` gives the place of each partition that exists already; the others are appended in the order given, so
    they become neighbours. A range names everything between its ends, so a run never spans a gap. Shares in `alone`
    get a run of their own: one of them may have taken a whole batch down before, or held it up. Shares in different
    `lanes` never share a run: one lane may have to wait where the others need not.
    """
    ordered = sorted(share_ids, key=lambda share_id: lanes.get(share_id, ""))
    known = sorted(
        (share_id for share_id in ordered if share_id in positions), key=lambda share_id: positions[share_id]
    )
    end = max(positions.values(), default=-1)
    place = {share_id: positions[share_id] for share_id in known}
    place |= {
        share_id: end + 1 + offset
        for offset, share_id in enumerate(share_id for share_id in ordered if share_id not in positions)
    }
    runs: list[list[str]] = []
    for share_id in sorted(place, key=place.__getitem__):
        last = runs[-1] if runs else []
        fits = (
            bool(last)
            and len(last) < batch_size
            and place[last[-1]] + 1 == place[share_id]
            and share_id not in alone
            and last[-1] not in alone
            and lanes.get(last[-1]) == lanes.get(share_id)
        )
        if fits:
            last.append(share_id)
        else:
            runs.append([share_id])
    return runs
