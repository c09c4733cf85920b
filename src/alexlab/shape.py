"""The shape of one image, the word that networks and data have in common."""

Shape = tuple[int, int, int]
"""Channels, height, width."""
