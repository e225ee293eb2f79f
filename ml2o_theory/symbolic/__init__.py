"""The closed forms of the statements in SymPy, and the proofs that tie them to the recursion."""
