//! Whether a list that ended of itself held all that Microsoft counts.
//!
//! Microsoft counts users and groups beside their lists: `GET /users/$count` with the header
//! `ConsistencyLevel: eventual` answers a number as plain text ("List users", get only a count,
//! <https://learn.microsoft.com/graph/api/user-list>). The number comes from an index that follows the
//! directory a little later ("Advanced query capabilities on Microsoft Entra ID objects",
//! <https://learn.microsoft.com/graph/aad-advanced-queries>), so that a small difference says nothing, and
//! neither does a number below what came.

use crate::removal::FEW;

/// No answer with a count is longer, in bytes.
pub const LONGEST: usize = 32;

/// The number in an answer: digits, and perhaps a byte order mark before and white space around them.
/// `None` is not known.
pub fn read(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let digits = text.trim_start_matches('\u{feff}').trim();
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all)
}

/// Whether so many objects are fewer than were counted, by more than 20 and by more than one in a
/// hundred of the count.
pub fn lacks(objects: u64, counted: u64) -> bool {
    let missing = counted.saturating_sub(objects);
    missing > FEW && missing > counted / 100
}

/// Whether a list of so many objects falls short of Microsoft's count, and is not to be believed.
/// `disputed` is how many an earlier list held that fell short: where this one holds about as many,
/// two whole lists agree against a count that is known to differ, and the list is believed.
pub fn falls_short(objects: u64, counted: u64, disputed: Option<u64>) -> bool {
    let as_before = |before| !lacks(objects, before) && !lacks(before, objects);
    lacks(objects, counted) && !disputed.is_some_and(as_before)
}

/// Returns true if what is held after delta rounds disagrees with a count, in either direction and by more
/// than is explained. `before` is what the last whole list held, and what was counted then: a list and a
/// count that differed in a whole enumeration may go on to differ by as much.
pub fn disagrees(held: u64, counted: u64, before: Option<(u64, u64)>) -> bool {
    let differ = |one: u64, other: u64| lacks(one, other) || lacks(other, one);
    let expected = before.map_or(counted, |(objects, counted_then)| {
        counted.saturating_add(objects).saturating_sub(counted_then)
    });
    differ(held, counted) && differ(held, expected)
}

/// Returns true if a list that goes on has held more than any lag of the count explains: twice as much, and a
/// thousand.
pub fn exceeds(listed: u64, counted: u64) -> bool {
    listed > counted.saturating_mul(2).saturating_add(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_nothing_else_is_a_count() {
        assert_eq!(read(b"893"), Some(893));
        assert_eq!(read("\u{feff}10000\r\n".as_bytes()), Some(10_000));
        assert_eq!(read(b"0"), Some(0));
        let garbled: [&[u8]; 9] = [
            b"",
            b" ",
            b"-1",
            b"+1",
            b"8 93",
            b"1e3",
            b"{\"value\":893}",
            b"99999999999999999999",
            &[0xff, b'8'],
        ];
        for body in garbled {
            assert_eq!(read(body), None, "{body:?}");
        }
    }

    #[test]
    fn a_list_lacks_what_is_more_than_a_few_and_more_than_a_hundredth() {
        assert!(!lacks(0, 20));
        assert!(lacks(0, 21));
        assert!(!lacks(9_900, 10_000), "a hundredth");
        assert!(lacks(9_899, 10_000));
        assert!(!lacks(1_980, 2_000), "a few");
        assert!(lacks(1_979, 2_000));
        assert!(!lacks(10_000, 9_000), "the count comes after");
        assert!(lacks(0, u64::MAX));
    }

    #[test]
    fn what_is_held_disagrees_with_a_count_in_either_direction_unless_a_whole_list_did_so() {
        assert!(disagrees(60, 30, None), "a deletion was not told");
        assert!(disagrees(30, 60, None), "a creation was not told");
        assert!(!disagrees(60, 40, None), "a few");
        assert!(!disagrees(60, 30, Some((60, 30))), "the whole list did so");
        assert!(!disagrees(65, 33, Some((60, 30))), "and has grown since");
        assert!(disagrees(90, 30, Some((60, 30))));
        assert!(disagrees(60, 30, Some((60, 60))));
        assert!(!disagrees(0, 0, Some((5, 90))));
        assert!(disagrees(u64::MAX, 0, Some((0, u64::MAX))));
    }

    #[test]
    fn a_list_exceeds_a_count_when_no_lag_explains_it() {
        assert!(!exceeds(1_000, 0));
        assert!(exceeds(1_001, 0));
        assert!(!exceeds(21_000, 10_000));
        assert!(exceeds(21_001, 10_000));
        assert!(!exceeds(u64::MAX, u64::MAX));
    }

    #[test]
    fn a_list_that_falls_short_twice_alike_is_believed() {
        assert!(falls_short(9_000, 10_000, None));
        assert!(!falls_short(9_000, 10_000, Some(9_000)));
        assert!(!falls_short(9_050, 10_000, Some(9_000)));
        assert!(falls_short(8_000, 10_000, Some(9_000)), "it shrank again");
        assert!(falls_short(9_200, 10_000, Some(9_000)), "it grows");
        assert!(!falls_short(10_000, 10_000, Some(9_000)));
    }
}
