"""From stored results to one self-contained HTML page. Nothing else imports matplotlib.

An artefact describes what is to be seen with `blocks`; `page` makes text, tables and figures of it.
"""
