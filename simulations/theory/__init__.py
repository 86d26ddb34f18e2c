"""Closed forms of Kademlia and what is built on it: plain functions, each with its source.

They need nothing of the simulator and know nothing of it. ``simulations.validators`` holds the
engines to them; a reader may hold them to the papers. The numbers V1 to V11 name them in the
output of ``dhtctl sim validate``.
"""
