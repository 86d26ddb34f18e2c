"""Kademlia without a network: pure machines that take ``now`` and return effects."""
