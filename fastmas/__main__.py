"""`python -m fastmas` is the command `fastmas`."""

import sys

from fastmas.cli import main

if __name__ == "__main__":
    sys.exit(main())
