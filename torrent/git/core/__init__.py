"""What is decided about repositories: no file, no process, no clock. See :mod:`torrent.git`."""
