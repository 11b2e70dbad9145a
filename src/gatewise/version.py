"""The version of gatewise, in one place; the wheel, ``--version`` and saved models read it here."""

__version__ = "0.1.0"
