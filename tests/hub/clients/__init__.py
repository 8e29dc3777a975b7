"""Clients of JupyterHub as people write them."""
