"""The trio shell: sockets, files, clocks and chance around the pure core."""
