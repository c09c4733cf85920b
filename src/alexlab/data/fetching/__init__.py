"""Published files, fetched, checked and kept."""
