"""A comparison as one file to keep: HTML that needs nothing else."""
