"""The constants of A3 and A4: certified upper ends, attained lower ends, each with its region."""
