"""The types of capability that make pictures."""
