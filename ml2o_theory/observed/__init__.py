"""What is observed: gradients of the optimizer's risk, from real unrolls and enclosed."""
