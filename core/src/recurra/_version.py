"""The version of this package; all packages of the project are released together, with the same number."""

__version__ = "0.1.0"
