"""Edge pruning of random resistive memory: Li et al., Nature Communications (2026), doi:10.1038/s41467-025-67960-6."""
