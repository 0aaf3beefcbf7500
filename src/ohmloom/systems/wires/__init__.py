"""System `wires`: what the resistance of wires costs, and what programming through it wins back."""
