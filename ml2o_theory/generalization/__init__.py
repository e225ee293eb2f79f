"""Train, adapt, test: what Theorem 1 bounds, observed and bounded term by term."""
