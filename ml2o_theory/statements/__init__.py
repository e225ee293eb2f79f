"""The paper's statements, one file each. `ml2o_theory.registry` finds them."""
