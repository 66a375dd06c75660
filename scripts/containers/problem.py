"""The error that ends these commands."""


class ContainerError(Exception):
    """It cannot be done; the text says what was expected, what came and what to do."""
