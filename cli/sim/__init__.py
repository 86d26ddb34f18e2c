"""What the second words of ``dhtctl sim`` do."""
