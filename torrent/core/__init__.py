"""The pure machines of the piece exchange: no clock, no dice, no socket, no file."""
