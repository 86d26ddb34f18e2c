"""The pure half of the piece exchange: no socket, file, clock or dice."""
