"""`python -m alexlab` and the `alexlab` command."""

from alexlab.cli import main

if __name__ == "__main__":
    main()
