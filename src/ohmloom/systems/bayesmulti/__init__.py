"""BayesMulti: noise injection and devices for drifting memristors, both chosen by Bayesian optimisation."""
