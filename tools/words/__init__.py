"""The catalogues of what rocmkit says: made from the code and the knowledge, which stay the one source."""
