"""Learning to optimize: task families, update rules, unrolling, meta-training, evaluation."""
