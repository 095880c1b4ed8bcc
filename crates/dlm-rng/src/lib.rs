//! Counter-based randomness: every number is a function of what it is for.
