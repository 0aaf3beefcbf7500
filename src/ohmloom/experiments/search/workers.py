"""Workers: trials on any ``concurrent.futures`` executor, with a limit of time and with workers that may be lost.

A lost worker of a process pool takes the whole pool with it: a new one is made. What was under way is to be tried
again, each trial alone, at most `ATTEMPTS` times, so that a trial which kills its worker ends neither the search nor
the trials beside it.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from typing import Any, NamedTuple

ATTEMPTS = 2
POLL = 0.2  # s between looks at the clock


class Ended(NamedTuple):
    """A trial that ended: with a result, or with an error."""

    number: int
    found: Any
    error: str
    lost: bool  # its worker was lost, or the pool that it was in


class Workers:
    """So many at once. Without an ``executor`` they are processes of this machine, which can be ended."""

    def __init__(self, count: int, executor: Executor | None = None, limit: float | None = None) -> None:
        self.count, self.limit = count, limit
        self._given, self._own = executor, None if executor is not None else _pool(count)
        self._under_way: dict[Future[Any], tuple[int, float]] = {}

    @property
    def free(self) -> int:
        """How many more trials may begin."""
        return self.count - len(self._under_way)

    @property
    def busy(self) -> list[int]:
        """The trials under way."""
        return sorted(index for index, _ in self._under_way.values())

    def begin(self, index: int, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a trial."""
        pool = self._given or self._own
        assert pool is not None
        self._under_way[pool.submit(function, *arguments)] = (index, time.monotonic())

    def ended(self) -> list[Ended]:
        """Wait for at least one to end, and return all that have."""
        while self._under_way:
            finished, _ = wait(self._under_way, timeout=POLL, return_when=FIRST_COMPLETED)
            ended = [self._taken(future) for future in finished]
            if any(one.lost for one in ended) and self._own is not None:
                ended += self._new_pool("its pool was lost with another's worker")
            late = [future for future, (_, start) in self._under_way.items() if self._late(start)]
            if late:
                ended += self._given_up(late)
            if ended:
                return sorted(ended)
        return []

    def close(self, *, at_once: bool = False) -> None:
        """End the workers; ``at_once`` also what is under way."""
        if self._own is not None:
            if at_once:
                _kill(self._own)
            self._own.shutdown(wait=not at_once, cancel_futures=True)
        else:
            for future in self._under_way:
                future.cancel()

    def _late(self, start: float) -> bool:
        return self.limit is not None and time.monotonic() - start > self.limit

    def _taken(self, future: Future[Any]) -> Ended:
        index, _ = self._under_way.pop(future)
        try:
            return Ended(index, future.result(), "", False)
        except (BrokenExecutor, CancelledError) as error:
            return Ended(index, None, f"its worker was lost: {error}", True)
        except Exception as error:  # whatever a trial raises is recorded, and the search goes on
            lost = type(error).__name__ in ("KilledWorker", "CommClosedError")
            return Ended(index, None, f"{type(error).__name__}: {error}", lost)

    def _given_up(self, late: list[Future[Any]]) -> list[Ended]:
        """Trials beyond the limit; a process cannot be ended alone, so the others of the pool are tried again."""
        ended = []
        for future in late:
            index, _ = self._under_way.pop(future)
            future.cancel()
            ended.append(Ended(index, None, f"took longer than its limit of {self.limit:g} s", False))
        if self._own is not None:
            ended += self._new_pool("its pool was ended with a trial that took too long")
        return ended

    def _new_pool(self, why: str) -> list[Ended]:
        assert self._own is not None
        others = [Ended(index, None, why, True) for index, _ in self._under_way.values()]
        self._under_way.clear()
        _kill(self._own)
        self._own.shutdown(wait=False, cancel_futures=True)
        self._own = _pool(self.count)
        return others


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        process.kill()
