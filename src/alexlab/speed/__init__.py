"""What computes the same, faster, on this machine."""
