"""Datasets in shards: tars in the WebDataset layout, with an index and checksums, near or remote."""
