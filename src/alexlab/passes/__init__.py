"""One watched forward pass, PyTorch's functions by name, and what a target names: for describe and check alike."""
