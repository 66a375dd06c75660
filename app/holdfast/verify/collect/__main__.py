"""Runs the program: `python3 -m holdfast.verify.collect '{"sysctls": ["net.core.somaxconn"]}'`."""

import sys

from holdfast.verify.collect.document import main

sys.exit(main(sys.argv[1:]))
