"""A trained network as a file that needs no alexlab: from pixels to probabilities, held against the run before it is handed over."""
