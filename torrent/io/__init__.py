"""The piece exchange on trio: sockets, files, clocks, chance."""
