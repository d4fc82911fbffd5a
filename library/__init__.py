"""What people keep: the entities that they make, with what is in them, what they can do and what is to happen."""
