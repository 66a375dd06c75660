#!/usr/bin/env python3
"""The same as `holdfast ops failover-redis`; --help says what it does."""

import sys

from ops import main

if __name__ == "__main__":
    sys.exit(main("failover-redis"))
