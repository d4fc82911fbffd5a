"""What the server answers over HTTP to programs: REST of our own, and the shapes that other programs' clients know."""
