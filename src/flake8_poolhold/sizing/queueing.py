"""The two formulas of pool sizing: Little's law for the mean, Erlang's delay formula for the headroom above it."""

from __future__ import annotations


def busy(rate: float, hold_time: float) -> float:
    """Return how many connections are in use on average: arrivals per second × seconds that each keeps a connection.

    Little's law (J. D. C. Little, "A Proof for the Queuing Formula: L = λW", Operations Research 9(3), 1961). It holds
    for every distribution of arrivals and hold times, and it says nothing about peaks.
    """
    return rate * hold_time


def waiting(load: float, connections: int) -> float:
    """Return the share of checkouts, 0 to 1, that find all `connections` in use; `load` of them are busy on average.

    Erlang C, the probability of delay with c servers and a queue (A. K. Erlang 1917; L. Kleinrock, "Queueing Systems",
    volume 1, 1975, section 3.8), from Erlang B by its recursion:

        B(0) = 1,   B(n) = load·B(n-1) / (n + load·B(n-1)),   C = B(c) / (1 - (load/c)·(1 - B(c)))

    1 when the load is not below the number of connections: then the queue grows for as long as the load lasts. The
    formula takes independent arrivals and exponential hold times. The arrivals of many users are close to the first;
    what is not, many requests at one moment, has to be given as a burst. Where hold times vary less, as with a model
    that always takes some seconds, the share is nearly the same.
    """
    if load >= connections:
        return 1.0
    blocked = 1.0
    for count in range(1, connections + 1):
        blocked = _blocked(load, count, blocked)
    return _delayed(load, connections, blocked)


def connections_for(load: float, may_wait: float) -> int:
    """Return the fewest connections with which at most the share `may_wait` of checkouts has to wait: see `waiting`.

    `load` is the mean number in use, above 0; the answer is above it, and the time taken proportional to it. For large
    loads the answer is close to load + β·√load, the square-root rule (S. Halfin, W. Whitt, "Heavy-Traffic Limits for
    Queues with Many Exponential Servers", Operations Research 29(3), 1981).
    """
    blocked, count = 1.0, 0
    while True:
        count += 1
        blocked = _blocked(load, count, blocked)
        if count > load and _delayed(load, count, blocked) <= may_wait:
            return count


def _blocked(load: float, connections: int, one_fewer: float) -> float:
    """Erlang B, from its value with one connection fewer."""
    return load * one_fewer / (connections + load * one_fewer)


def _delayed(load: float, connections: int, blocked: float) -> float:
    """Erlang C, from Erlang B with as many connections."""
    return blocked / (1 - load / connections * (1 - blocked))
