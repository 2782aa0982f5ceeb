//! Bodies in, faults out.
