"""The training loop, what it measures, and the run folder that keeps it."""
