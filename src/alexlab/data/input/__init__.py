"""The one path from an image to a network's input."""
