"""Ohmloom's tests. A package, because some wheels install a top-level ``tests`` of their own."""
