"""Queue of clips that takes turns by seconds of audio, and gives batches of similar length.

Every request is a flow, and all flows that wait get audio run at the same pace (weighted fair
queueing): the clip is next that would end first at that pace. So a short request waits for the
running batch, not for the hours behind it, and the hours come to their turn. Clips of any requests
share a batch, as a clip's answer does not depend on its neighbours. Knows times that
it is told and lengths; no threads, no clock, no audio.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from voxport.audio.recording import Clip

# Rows of a batch are at most this much longer or shorter than the one whose turn it is: a third of
# a batch is padding at the most, and a short clip never waits for a long one in its own batch.
SIMILAR_LENGTH = 1.5


@dataclass(eq=False)
class WorkItem:
    """A clip, or a window of a long recording, on its way through the queue."""

    run: Callable[[list[Clip]], list[Any]]  # of a batch; items of equal ones may share it
    clip: Clip
    flow: Hashable  # the request
    samples: int  # of its row, padding included
    seconds: float  # of audio
    deadline: float | None = None  # by the queue's clock: not run after it
    done: Callable[[Any, BaseException | None], None] = lambda _answer, _error: None
    arrived: float = 0.0
    turn: float = field(default=0.0, init=False)  # seconds of audio of each flow: its end
    number: int = field(default=0, init=False)


class FairQueue:
    """Waiting items, and the choice of the next batch.

    Args:
        batch_samples: the limit of a batch, in samples with padding; a longer clip runs alone.
        longest_wait: seconds that an item may wait for company in its batch.
    """

    def __init__(self, batch_samples: int, longest_wait: float = 0.0) -> None:
        self.batch_samples = batch_samples
        self._longest_wait = longest_wait
        self._items: list[WorkItem] = []
        self._turns: dict[Hashable, float] = {}  # of each flow: its last item's
        self._pace = 0.0  # seconds of audio that a flow has been given that waits all the time
        self._count = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def seconds(self) -> float:
        """Audio that waits."""
        return sum(item.seconds for item in self._items)

    def put(self, item: WorkItem, now: float) -> None:
        """Add an item at the time ``now``."""
        item.arrived = now
        item.turn = max(self._pace, self._turns.get(item.flow, 0.0)) + item.seconds
        self._turns[item.flow] = item.turn
        self._count += 1
        item.number = self._count
        self._items.append(item)

    def take(self, now: float) -> list[WorkItem]:
        """Remove and return the next batch; empty if nothing waits or company may still come."""
        if not self._items:
            return []
        first = min(self._items, key=_order)
        batch = self._company(first)
        is_full = (len(batch) + 1) * max(item.samples for item in batch) > self.batch_samples
        if not is_full and now < first.arrived + self._longest_wait:
            return []
        flows = len({item.flow for item in self._items})
        self._pace += sum(item.seconds for item in batch) / flows
        return self._remove(batch)

    def due(self) -> float | None:
        """Return the time from which ``take`` gives a batch, whatever comes; None if empty."""
        if not self._items:
            return None
        return min(self._items, key=_order).arrived + self._longest_wait

    def remove_expired(self, now: float) -> list[WorkItem]:
        """Remove and return the items whose deadline has passed."""
        return self._remove(
            [item for item in self._items if item.deadline is not None and item.deadline <= now]
        )

    def remove_flow(self, flow: Hashable) -> list[WorkItem]:
        """Remove and return all items of a request, and forget its turn."""
        self._turns.pop(flow, None)
        return self._remove([item for item in self._items if item.flow == flow])

    def end_flow(self, flow: Hashable) -> None:
        """Forget a request that gives no items any more."""
        self._turns.pop(flow, None)

    def _company(self, first: WorkItem) -> list[WorkItem]:
        """Return a batch around an item: the next in turn that are like it, up to the limit."""
        batch, longest = [first], first.samples
        for item in self._like(first):
            length = max(longest, item.samples)
            if length * (len(batch) + 1) > self.batch_samples:
                continue
            batch.append(item)
            longest = length
        return batch

    def _like(self, first: WorkItem) -> Iterator[WorkItem]:
        for item in sorted(self._items, key=_order):
            ratio = max(item.samples, first.samples) / max(1, min(item.samples, first.samples))
            if item is not first and item.run == first.run and ratio <= SIMILAR_LENGTH:
                yield item

    def _remove(self, items: list[WorkItem]) -> list[WorkItem]:
        gone = {id(item) for item in items}
        self._items = [item for item in self._items if id(item) not in gone]
        return items


def _order(item: WorkItem) -> tuple[float, float, int]:
    deadline = float("inf") if item.deadline is None else item.deadline
    return (item.turn, deadline, item.number)
