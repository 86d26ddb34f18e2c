"""The shell of the piece exchange, on trio: files, threads, sockets, clocks."""
