//! A worker that was taken over, and writes all the same.
