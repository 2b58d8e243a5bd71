"""Pack claimed shares into runs. Dagster names a run's partitions by a range in insertion order."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

WORTH_A_RUN = 5
"""Shares. A run's process spends about 3 s of CPU time on its start, as much as two short videos take."""


def even_batch_size(count: int, *, batch_size: int, run_slots: int) -> int:
    """Return the batch size at which the runs of `count` shares fill `run_slots` and end at about the same time.

    The fewest runs that `batch_size` allows would leave a small last run, with all cores but one idle. The runs are
    therefore a multiple of the slots, unless that leaves fewer than `WORTH_A_RUN` shares for each.
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

    `positions` has the positions of the shares whose partition exists already, and that of the newest partition, which
    may be of none of them. Only partitions whose positions differ by one count as neighbours. The other shares are
    appended in the order given and become neighbours. A range names everything between its ends, so a run never spans a
    gap. Shares in `alone` get a
    run of their own, because they may have crashed or delayed a whole batch before. Shares in different `lanes` never
    share a run, because one lane may have to wait where the others need not.
    """
    ordered = sorted(share_ids, key=lambda share_id: lanes.get(share_id, ""))
    known = sorted(
        (share_id for share_id in ordered if share_id in positions), key=lambda share_id: positions[share_id]
    )
    end = max(positions.values(), default=-1)
    position = {share_id: positions[share_id] for share_id in known}
    position |= {
        share_id: end + 1 + offset
        for offset, share_id in enumerate(share_id for share_id in ordered if share_id not in positions)
    }
    runs: list[list[str]] = []
    for share_id in sorted(position, key=position.__getitem__):
        last = runs[-1] if runs else []
        fits = (
            bool(last)
            and len(last) < batch_size
            and position[last[-1]] + 1 == position[share_id]
            and share_id not in alone
            and last[-1] not in alone
            and lanes.get(last[-1]) == lanes.get(share_id)
        )
        if fits:
            last.append(share_id)
        else:
            runs.append([share_id])
    return runs
