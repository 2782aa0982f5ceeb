//! What was found, told.
