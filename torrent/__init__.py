"""Piece exchange: what BitTorrent peers do with each other, on the floor above the DHT."""
