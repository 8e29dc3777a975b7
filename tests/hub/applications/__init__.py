"""Applications that people use below their own server."""
