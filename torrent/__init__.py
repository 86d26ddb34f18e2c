"""Piece exchange: seeding and fetching files with BitTorrent peers.

``core`` is pure (wire, picker, choker, swarm), ``io`` is its trio shell.
"""
