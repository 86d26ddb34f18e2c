"""What people do with torrents: names that lead to the newest version, sites, mirrors, replicas.

>>> from torrent.cdn.names import Name, Names, Version

Stands on the node (:mod:`dht.node`) and the piece exchange (:mod:`torrent.io`), and knows neither
a terminal nor a command line.
"""
