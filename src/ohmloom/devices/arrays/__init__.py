"""Measured conductances of published arrays (µS, one line per column): wangsc1912/ESGNN, MIT, see LICENCE.txt."""
