"""The layers that PyTorch does not have, and changes of those of a network."""
