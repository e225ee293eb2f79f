"""The paper's assumptions, each with a check: holds, refuted by a witness, or open."""
