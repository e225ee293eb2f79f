"""Artefacts (figures, tables, report sections), the runner, the report and the command line."""
