"""What a host is like, read where it is: a program of the standard library alone, which changes nothing.

Runs on Python 3.9 and later, as `python3 -m holdfast.verify.collect REQUEST` where the package is installed, as the
text that `holdfast.verify.program` makes of it anywhere else. What cannot be read is named with the reason.
"""
