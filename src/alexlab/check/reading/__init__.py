"""Reading a training script or notebook without running it: an interpreter of values that may be unknown."""
