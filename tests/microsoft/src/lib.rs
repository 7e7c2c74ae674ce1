//! A simulator of Microsoft's sign-in, consent and Graph.
