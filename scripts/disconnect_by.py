#!/usr/bin/env python3
"""The same as `holdfast ops disconnect-by`; --help says what it does."""

import sys

from ops import main

if __name__ == "__main__":
    sys.exit(main("disconnect-by"))
