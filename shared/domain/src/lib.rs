//! Muster's words and decisions: pure values in, values out.
