"""What ``dhtctl demo`` is made of: the acts it plays, and how it measures them."""
