"""The machines of piece exchange. No clock, no dice, no socket, no file: all are arguments."""
