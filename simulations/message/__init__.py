"""A churned network at ``message`` fidelity: the rules of ``dht.core`` on arrays, event by event.

Where ``protocol`` drives the engines that ship, this package is their rules written a second time,
for numba: a million events a second and more instead of fifty thousand. Every request that arrives,
every answer, every timeout that rings is an event; nothing is averaged. So it is the fidelity for
networks of 1,000 to 300,000 nodes over hours and days, when what matters is how tables age.

**Why it may be believed.** Part by part it is driven beside the shipped code, with one history for
both: the routing table, the walk with its question about the edge, patience, the holders' clocks
(``tests/simulations/message``). The whole is compared with the engines under churn
(``benchmarks/sim_agreement.py``).

**What is simpler than in dht.core**, and why that may be:

* Ids have 64 bits. Under ten million nodes no two are equal, and longer ids share no more bits.
* Every node has an address, and a subnet, of its own; no id is preferred over another (BEP 42).
  The limits of a table and a shortlist never bite. Crowds and attackers belong to ``protocol``.
* No tickets, signatures, versions, refusals by full stores. In an honest network they change no
  message's way.
* Of strangers the last 64 are remembered, not 4,096 (:mod:`simulations.message.strangers`), and who
  finds no free ping is not pinged later.
* A lookup knows ``8 k`` candidates at most (:mod:`simulations.message.shortlist`).
* Promises do not wait for each other, nor for other duties (:mod:`simulations.message.sessions`).
* Who comes back after an absence still has its table, instead of pinging whom it remembers.
* Messages of a node that has just left still arrive, but its own timers do not ring.

==============================================  ===================================================
module                                          rule
==============================================  ===================================================
``state``, ``opened``, ``heap``, ``events``     the arrays; what comes next
``buckets``, ``closest``, ``plant``             the routing table, its answers, tables of the start
``shortlist``, ``walk``, ``operations``         lookups, and what is done on the way
``calls``, ``timing``                           requests, the link, timeouts
``strangers``, ``stores``, ``upkeep``           pings, records, what a node does unasked
``sessions``, ``truth``, ``chance``             who is there; what only the simulator knows; dice
``loop``                                        the events, one after the other
``setup``, ``start``, ``keeping``, ``run``      from a scenario to rows
==============================================  ===================================================
"""

from __future__ import annotations

from simulations.message.keeping import Keeping
from simulations.message.run import Outcome, run, simulate
from simulations.message.setup import memory

__all__ = ["Keeping", "Outcome", "memory", "run", "simulate"]
