"""Workers: trials on any ``concurrent.futures`` executor, with a limit of time and with workers that may be lost.

A lost worker of a process pool takes the whole pool with it: a new one is made. What was under way is to be tried
again, each trial alone, so that a trial which kills its worker ends neither the search nor the trials beside it.
Processes of ours end with the process that started them, however that ends.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
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

from ohmloom.errors import ExecutorError, message

LOSSES = 2  # a trial that has lost its worker so often has failed
POLL = 0.2  # s between looks at the clock
LOST = ("KilledWorker", "CommClosedError", "FutureCancelledError")  # what Dask says of a worker that is gone


class Ended(NamedTuple):
    """A trial that ended: with a result, or with an error."""

    number: int
    found: Any
    error: str
    lost: bool  # its worker was lost, or the pool that it was in


class _Begun(NamedTuple):
    number: int
    pool: Executor
    start: float


class Workers:
    """So many at once. Without an ``executor`` they are processes of this machine, which can be ended."""

    def __init__(self, count: int, executor: Executor | None = None, limit: float | None = None) -> None:
        self.count, self.limit = count, limit
        self._given, self._own = executor, None if executor is not None else _Processes(count)
        self._under_way: dict[Future[Any], _Begun] = {}

    @property
    def free(self) -> int:
        """How many more trials may begin."""
        return self.count - len(self._under_way)

    @property
    def busy(self) -> list[int]:
        """The trials under way."""
        return sorted(begun.number for begun in self._under_way.values())

    def begin(self, index: int, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a trial. Raises ExecutorError if the executor that was given takes no more."""
        try:
            future = self._pool.submit(function, *arguments)
        except RuntimeError as error:
            if self._own is None:
                rule, remedy = "must take trials", "Search again in the same folder with a new one: it goes on."
                raise ExecutorError(message("executor", rule, f"{type(error).__name__}: {error}", remedy)) from error
            self._renew()  # a worker was lost between two trials
            future = self._pool.submit(function, *arguments)
        self._under_way[future] = _Begun(index, self._pool, time.monotonic())

    def ended(self) -> list[Ended]:
        """Wait for at least one to end, and return all that have."""
        while self._under_way:
            finished, _ = wait(self._under_way, timeout=POLL, return_when=FIRST_COMPLETED)
            ended, broken = [], False
            for future in finished:
                number, pool, _ = self._under_way.pop(future)
                ended.append(_outcome(number, future))
                broken |= ended[-1].lost and pool is self._pool
            if broken and self._own is not None:
                ended += self._new_pool("its pool was lost with another's worker")
            late = [future for future, begun in self._under_way.items() if self._late(begun)]
            if late:
                ended += self._given_up(late)
            if ended:
                return sorted(ended)
        return []

    def close(self, *, at_once: bool = False) -> None:
        """End the workers; ``at_once`` also what is under way."""
        if self._own is not None:
            self._own.end(at_once=at_once)
        else:
            for future in self._under_way:
                future.cancel()

    @property
    def _pool(self) -> Executor:
        if self._own is not None:
            return self._own.pool
        assert self._given is not None
        return self._given

    def _late(self, begun: _Begun) -> bool:
        ready = begun.start if self._own is None else max(begun.start, self._own.ready)
        return self.limit is not None and time.monotonic() - ready > self.limit

    def _given_up(self, late: list[Future[Any]]) -> list[Ended]:
        """Trials beyond the limit; a process cannot be ended alone, so the others of the pool are tried again."""
        ended = []
        for future in late:
            number = self._under_way.pop(future).number
            future.cancel()
            ended.append(Ended(number, None, f"took longer than its limit of {self.limit:g} s", False))
        if self._own is not None:
            ended += self._new_pool("its pool was ended with a trial that took too long")
        return ended

    def _new_pool(self, why: str) -> list[Ended]:
        others = [Ended(begun.number, None, why, True) for begun in self._under_way.values()]
        self._under_way.clear()
        self._renew()
        return others

    def _renew(self) -> None:
        assert self._own is not None
        self._own.end(at_once=True)
        self._own = _Processes(self.count)


class _Processes:
    """A pool of processes of this machine, which can be ended, and which knows since when it is ready."""

    def __init__(self, count: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(count, mp_context=spawn, initializer=_end_with_parent)
        self.ready = math.inf  # s of the monotonic clock; imports take longer than some trials
        self.pool.submit(os.getpid).add_done_callback(self._note)

    def end(self, *, at_once: bool) -> None:
        if at_once:
            for process in list((self.pool._processes or {}).values()):
                process.kill()
        self.pool.shutdown(wait=not at_once, cancel_futures=True)

    def _note(self, _: Future[int]) -> None:
        self.ready = time.monotonic()


def _end_with_parent() -> None:
    """In a worker: leave an interrupt of the keyboard to the parent, and end when the parent has ended. A worker that
    waits for its next trial would never learn of a parent that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def _outcome(number: int, future: Future[Any]) -> Ended:
    try:
        return Ended(number, future.result(), "", False)
    except (BrokenExecutor, CancelledError) as error:
        return Ended(number, None, f"its worker was lost: {error}", True)
    except Exception as error:  # whatever a trial raises is recorded, and the search goes on
        return Ended(number, None, f"{type(error).__name__}: {error}", type(error).__name__ in LOST)
