"""What alexlab is held against: the loops that readers of the tutorials write, in the tutorials' own libraries."""
