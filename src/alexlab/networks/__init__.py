"""What is computed: the networks of the family, one file each, and the catalogue that lists them."""

from alexlab.networks.catalogue import NETWORKS, Network, find

__all__ = ["NETWORKS", "Network", "find"]
