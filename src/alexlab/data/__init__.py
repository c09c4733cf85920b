"""Where pixels come from: sources, decoding, splits, and the one path from an image to a network's input."""
