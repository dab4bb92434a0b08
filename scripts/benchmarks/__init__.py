"""What does scripts/benchmark.py measure? A module for each part, and the race that times them all."""
