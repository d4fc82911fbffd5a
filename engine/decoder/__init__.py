"""The confined process that decodes pictures: the only code that reads a picture's encoded bytes beyond its header."""
