"""Lookups whole, on the tables of millions of nodes: the fastest of the three fidelities.

A network at rest is its ids and its tables, and a lookup on it is a calculation: nothing else
happens meanwhile that could matter. So there is no queue of events here but the one inside each
lookup, and lookups share nothing and fill all processors.

===============================  ==================================================================
:mod:`~simulations.lookup.tables`   everybody's routing table, drawn in one go
:mod:`~simulations.lookup.answers`  what a node answers from it
:mod:`~simulations.lookup.walk`     the shipped rule where everybody answers: fast
:mod:`~simulations.lookup.patient`  the shipped rule in full: the dead, timeouts, the edge, disjoint
                                    paths, limits per subnet
:mod:`~simulations.lookup.rounds`   the paper's strict rounds, for tables of theory
:mod:`~simulations.lookup.greedy`   one contact at a time, for closed forms
:mod:`~simulations.lookup.epochs`   tables under churn, an epoch at a time
:mod:`~simulations.lookup.truth`    whom a lookup should have found
===============================  ==================================================================

What it leaves out: loss and differing delays (answers could overtake each other), liars, stored
records, and, under churn, what :mod:`~simulations.lookup.epochs` says. What it does, it does as the
engines of :mod:`dht.core` do: ten thousand lookups of real engines on the same tables make the same
requests in the same order and find the same contacts at the same depths, switch by switch.

Measured on two cores: 1M nodes of k = 20 are built in about 2 s and take 1.7 GB; 1M full lookups on
them take about 12 s (``python -m benchmarks sim_lookup``).
"""

from __future__ import annotations

from simulations.lookup.run import memory, run

__all__ = ["memory", "run"]
