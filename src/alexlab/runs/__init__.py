"""The run on disk: its folder, checkpoints, locks, checksums, and what can be done with it."""
