"""The training: what is prepared for it, the loop and its state, the updates, and the files of its run."""
