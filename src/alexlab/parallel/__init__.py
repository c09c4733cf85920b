"""One network over several processes: two towers, and the hybrid of 2014. What they exchange is in docs/parallel.md."""
