"""What can be said about learned optimizers: enclosures, statements, verdicts."""
