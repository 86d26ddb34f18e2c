"""Piece exchange: torrents, the peers that share them, and the files they end up in."""
