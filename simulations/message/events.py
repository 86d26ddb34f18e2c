"""The kinds of moments. Those of calls come first: their index is a call, that of others a node."""

from typing import Final

from simulations.message.parts import number

REQUEST: Final = number(0)
"""A request arrives."""
ANSWER: Final = number(1)
"""An answer arrives."""
SLOW: Final = number(2)
"""The short timeout of a call rings,"""
DEAD: Final = number(3)
"""and the long one."""
WAKE: Final = number(4)
"""A node's upkeep said that something would be due."""
DUTY: Final = number(5)
"""An operation of upkeep is over: perhaps another may begin."""
FAR_WALKS: Final = number(6)
"""A node has joined, and refreshes its far buckets."""
BEGIN: Final = number(7)
"""A session begins,"""
GATE: Final = number(8)
"""or it looks for a node to join through once more."""
LEAVE: Final = number(9)
"""A session ends."""
TRAFFIC: Final = number(10)
"""Some node wants something."""
PUBLISH: Final = number(11)
"""A record is published, or again; the index is the record's."""
SAMPLE: Final = number(12)
"""The network is looked at."""
READ: Final = number(13)
"""Some node reads a record."""
RETURN: Final = number(14)
"""Who was away comes back."""
