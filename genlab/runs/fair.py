"""The fair queue: owners and rooms take turns in the use of the workers.

The leader of a room without an active run goes first, because a class waits. Then comes the owner
with the fewest active runs; among equal owners, the one whose room has the fewest; then the one
whose last run began the longest ago. The runs of one owner keep their order. So nobody can occupy
the workers by queueing many runs, and a new owner waits for at most one run of each other owner.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """A run in the queue.

    Args:
        run: its id.
        owner: who owns it; empty for the machine, which counts as one owner.
        room: the room in which it was started; empty for none.
        queued: a number that grows with the time at which it was queued.
    """

    run: str
    owner: str = ""
    room: str = ""
    queued: float = 0.0

    @property
    def group(self) -> str:
        """Its room; an owner outside all rooms counts as a room."""
        return f"room {self.room}" if self.room else f"owner {self.owner}"


def fair_order(
    waiting: Iterable[Waiting],
    running: Iterable[Waiting] = (),
    *,
    begun: Mapping[str, float] | None = None,
    leaders: Collection[str] = (),
    limit: int = 0,
) -> list[str]:
    """The runs of a queue in the order in which workers take them.

    Args:
        waiting: the queued runs.
        running: the runs at work.
        begun: when the last run of an owner began, by owner.
        leaders: owners who lead an open room.
        limit: runs that an owner may have at work at once; further runs are left out. 0 for no
            limit; the machine has none.

    Example:
        >>> a = [Waiting(f"a{k}", "ada", queued=k) for k in range(3)]
        >>> fair_order([*a, Waiting("b0", "bob", queued=9)])
        ['a0', 'b0', 'a1', 'a2']
        >>> fair_order(a, limit=2)
        ['a0', 'a1']
    """
    queues: dict[str, deque[Waiting]] = defaultdict(deque)
    for one in sorted(waiting, key=lambda one: (one.queued, one.run)):
        queues[one.owner].append(one)
    at_work, rooms = Counter[str](), Counter[str]()
    for one in running:
        at_work[one.owner] += 1
        rooms[one.group] += 1
    last = dict(begun or {})
    latest = max(last.values(), default=0.0)

    def turn(owner: str) -> tuple[bool, int, int, float, float]:
        first = queues[owner][0]
        leads = owner in leaders and not at_work[owner]
        so_far = last.get(owner, -1.0)
        return not leads, at_work[owner], rooms[first.group], so_far, first.queued

    order = []
    while queues:
        if limit:
            for owner in [o for o in queues if o and at_work[o] >= limit]:
                del queues[owner]
            if not queues:
                break
        owner = min(queues, key=turn)
        one = queues[owner].popleft()
        if not queues[owner]:
            del queues[owner]
        order.append(one.run)
        at_work[owner] += 1
        rooms[one.group] += 1
        latest += 1.0
        last[owner] = latest
    return order
