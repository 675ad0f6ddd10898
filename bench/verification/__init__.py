"""What a count with a fingerprint costs, beside other ways to look at a whole database."""
