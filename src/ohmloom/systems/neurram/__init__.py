"""NeuRRAM: Wan et al., Nature 608, 504-512 (2022), doi:10.1038/s41586-022-04992-8; preprint arXiv:2108.07879."""
