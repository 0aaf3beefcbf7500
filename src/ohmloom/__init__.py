"""ohmloom puts neural networks on memristor chips."""

__version__ = "0.1.0"
