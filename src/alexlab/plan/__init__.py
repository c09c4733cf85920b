"""How long an update takes with many devices, and which way of dividing the work is the fastest: a model, see docs/parallel.md."""
