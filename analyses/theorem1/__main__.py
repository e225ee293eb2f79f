"""`python -m analyses.theorem1` is `ml2o run theorem1`."""

from analyses.artefact import main

main("theorem1")
