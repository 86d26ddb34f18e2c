"""What a gateway decides, without sockets, files and clocks."""
