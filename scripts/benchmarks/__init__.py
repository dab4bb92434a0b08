"""What does scripts/benchmark.py measure? One module per part, and the race that times them all."""
