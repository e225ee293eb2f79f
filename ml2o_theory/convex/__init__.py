"""Everything that uses CVXPY; nothing else imports it."""
