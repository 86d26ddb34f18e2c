"""The kinds of moments. Those of calls come first: their index is a call, that of others a node."""

from typing import Final

import numpy as np

REQUEST: Final = np.int64(0)
"""A request arrives."""
ANSWER: Final = np.int64(1)
"""An answer arrives."""
SLOW: Final = np.int64(2)
"""The short timeout of a call rings,"""
DEAD: Final = np.int64(3)
"""and the long one."""
WAKE: Final = np.int64(4)
"""A node's upkeep said that something would be due."""
DUTY: Final = np.int64(5)
"""An operation of upkeep is over: perhaps another may begin."""
FAR_WALKS: Final = np.int64(6)
"""A node has joined, and refreshes its far buckets."""
BEGIN: Final = np.int64(7)
"""A session begins,"""
GATE: Final = np.int64(8)
"""or it looks for a node to join through once more."""
LEAVE: Final = np.int64(9)
"""A session ends."""
TRAFFIC: Final = np.int64(10)
"""Some node wants something."""
PUBLISH: Final = np.int64(11)
"""A record is published, or again; the index is the record's."""
SAMPLE: Final = np.int64(12)
"""The network is looked at."""
READ: Final = np.int64(13)
"""Some node reads a record."""
RETURN: Final = np.int64(14)
"""Who was away comes back."""
