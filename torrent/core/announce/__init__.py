"""What is said to trackers and what they answer, over HTTP (BEP 3) and over UDP (BEP 15)."""
