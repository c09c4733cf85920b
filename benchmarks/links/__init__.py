"""Step time and bytes of data, towers and hybrid under slow and fast links: `python -m benchmarks.links` (as root, on Linux)."""
