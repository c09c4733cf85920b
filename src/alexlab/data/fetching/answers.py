"""Which answers another try may mend."""

PASSING = (408, 425, 429)  # of a web server's answers 4xx


class Final(Exception):
    """An answer that another try will not mend."""
