"""From stored results to one self-contained HTML page; matplotlib is imported here and nowhere else.

An artefact describes what is to be seen with `blocks`; `page` makes text, tables and figures of it.
"""
