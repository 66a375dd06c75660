"""Deploy to hosts, look at what would change, verify, go back: what `make deploy` and its like do.

Exits 0 when all is well, 1 where something was found or a host refused, 3 on bad usage, 4 where it could not be done.
"""

import sys

from deploy.cli import heed_signals, main

if __name__ == "__main__":
    heed_signals()
    sys.exit(main(sys.argv[1:]))
