//! Whether records that a complete enumeration did not hold may go.

/// What to do with the records that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Remove them.
    Remove,
    /// Too many to believe without asking a person.
    Ask,
}

/// So many missing records are believed, whatever part of the whole they are.
pub const FEW: u64 = 20;

/// Of `held` records, `missing` were not in an answer of `answered` objects. An empty answer never
/// wipes, and a drop of more than a fifth and more than 20 records is not believed either, until a
/// person has said so.
pub fn decide(held: u64, missing: u64, answered: u64, allowed: bool) -> Decision {
    let many = missing > FEW && missing.saturating_mul(5) > held;
    let wiped = missing > 0 && answered == 0;
    if (many || wiped) && !allowed {
        Decision::Ask
    } else {
        Decision::Remove
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_drop_and_an_empty_answer_ask() {
        assert_eq!(decide(1000, 200, 800, false), Decision::Remove);
        assert_eq!(decide(1000, 201, 799, false), Decision::Ask);
        assert_eq!(decide(1000, 201, 799, true), Decision::Remove);
        assert_eq!(decide(20, 19, 1, false), Decision::Remove);
        assert_eq!(decide(1, 1, 0, false), Decision::Ask);
        assert_eq!(decide(0, 0, 0, false), Decision::Remove);
    }
}
