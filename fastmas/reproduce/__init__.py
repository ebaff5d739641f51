"""The founding paper's section 4 again: its figures, and what one lucky path does not show."""
