"""The circuit of an array: resistive lines, cells of any law, exact and fast; and the same for SPICE."""
