"""The updates of the weights, one file each."""
