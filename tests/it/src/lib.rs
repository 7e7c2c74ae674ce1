//! Whole stories through the running stack.
