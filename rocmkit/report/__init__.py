"""Draw what was judged: the only modules that know rich or a published format."""
