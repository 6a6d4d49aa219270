"""Small helpers that belong to no part of the library alone."""
