"""`python -m maskedface`: the command line."""

import sys

from maskedface.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
