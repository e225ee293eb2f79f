"""What is observed: iterates, Jacobians and risk gradients of real unrolls, enclosed."""
