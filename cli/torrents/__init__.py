"""What the verbs about torrents share; imported only by them, and by a node that has some."""
