"""The ledger: counts per owner, layer, event and die; nests; knows contexts and threads."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Thread

import pytest

from ohmloom.errors import LedgerError
from ohmloom.ledger import Event, Ledger, open_ledgers, record


def count(amount: float = 1.0, layer: str = "a", die: int = 0) -> None:
    record("owner", layer, [die], {Event.CONVERSION: [amount]})


def test_counts_by_layer_event_and_die() -> None:
    with Ledger() as ledger:
        record("x", "a", [0, 3], {Event.CONVERSION: [1.0, 2.0], Event.PULSE: [5.0, 0.5]})
        record("y", "b", [3], {Event.CONVERSION: [10.0]})
        record("x", "a", [3], {Event.CONVERSION: [4.0]})
    assert ledger.total(Event.CONVERSION) == 17
    assert ledger.total(Event.CONVERSION, layer="a") == 7
    assert ledger.total(Event.CONVERSION, die=3) == 16
    assert ledger.total(Event.CONVERSION, layer="a", die=3) == 6
    assert ledger.total(Event.SPIKE) == 0
    assert ledger.owners == {"x", "y"}
    assert sum(amount for _, event, _, amount in ledger.rows() if event is Event.PULSE) == 5.5


def test_nothing_is_counted_outside() -> None:
    count()
    with Ledger() as ledger:
        pass
    count()
    assert len(ledger) == 0
    assert open_ledgers() == ()


def test_ledgers_nest_and_each_sees_all() -> None:
    with Ledger() as outer:
        count()
        with Ledger() as inner:
            count(2)
        count(4)
    assert (outer.total(Event.CONVERSION), inner.total(Event.CONVERSION)) == (7, 2)


def test_an_error_closes_the_ledger() -> None:
    with pytest.raises(KeyError), Ledger():
        raise KeyError
    assert open_ledgers() == ()


def test_a_ledger_goes_on_when_opened_again_but_is_not_opened_twice() -> None:
    ledger = Ledger()
    for _ in range(2):
        with ledger:
            count()
    assert ledger.total(Event.CONVERSION) == 2
    with ledger, pytest.raises(LedgerError, match="open already"), ledger:
        pass
    assert open_ledgers() == ()
    with ledger:
        count()
    assert ledger.total(Event.CONVERSION) == 3


def test_other_threads_do_not_write_unless_they_share_the_context() -> None:
    with Ledger() as ledger:
        plain = Thread(target=count)
        plain.start()
        plain.join()
        assert len(ledger) == 0
        context = copy_context()
        shared = Thread(target=context.run, args=(count,))
        shared.start()
        shared.join()
    assert ledger.total(Event.CONVERSION) == 1


def test_threads_that_share_a_ledger_lose_nothing() -> None:
    def many() -> None:
        for _ in range(2000):
            count()

    with Ledger() as ledger, ThreadPoolExecutor(4) as pool:
        contexts = [copy_context() for _ in range(4)]
        for future in [pool.submit(context.run, many) for context in contexts]:
            future.result()
    assert ledger.total(Event.CONVERSION) == 8000


def test_threads_have_ledgers_of_their_own() -> None:
    def own(amount: int) -> float:
        with Ledger() as ledger:
            for _ in range(amount):
                count()
        return ledger.total(Event.CONVERSION)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(own, [10, 20, 30, 40])) == [10, 20, 30, 40]


def test_one_count_for_each_die() -> None:
    with Ledger(), pytest.raises(ValueError, match="argument"):
        record("x", "a", [0, 1], {Event.PULSE: [1.0]})
