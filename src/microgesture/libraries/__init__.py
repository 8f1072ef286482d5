"""One door to each library that may be missing, broken or wrong on some machine."""
