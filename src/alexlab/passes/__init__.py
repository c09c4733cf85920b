"""One watched forward pass, PyTorch's functions by name, and the arithmetic of windows."""
