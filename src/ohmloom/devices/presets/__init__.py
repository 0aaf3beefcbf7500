"""Shipped devices, one TOML file each."""
