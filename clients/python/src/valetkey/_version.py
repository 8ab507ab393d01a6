"""The version, one with the server's that it was released with."""

__version__ = "0.1.0"
