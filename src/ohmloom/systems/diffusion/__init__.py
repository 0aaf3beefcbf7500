"""Score-based diffusion on an analogue loop of resistive memory: systems `diffusion-…`."""
