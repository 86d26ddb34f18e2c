"""What this is faster than, and by how much: run all of it with ``python -m benchmarks``."""
