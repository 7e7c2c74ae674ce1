//! Whether records that a complete enumeration did not hold may go.

/// What to do with the records that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Remove them.
    Remove,
    /// Too many to believe without asking a person.
    Ask,
}

/// More than a fifth of what is held, and more than 20 records, waits for a person's answer.
pub fn decide(held: u64, missing: u64, allowed: bool) -> Decision {
    let many = missing > 20 && missing.saturating_mul(5) > held;
    if many && !allowed {
        Decision::Ask
    } else {
        Decision::Remove
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_drop_asks() {
        assert_eq!(decide(1000, 200, false), Decision::Remove);
        assert_eq!(decide(1000, 201, false), Decision::Ask);
        assert_eq!(decide(1000, 201, true), Decision::Remove);
        assert_eq!(decide(20, 20, false), Decision::Remove);
        assert_eq!(decide(21, 21, false), Decision::Ask);
    }
}
