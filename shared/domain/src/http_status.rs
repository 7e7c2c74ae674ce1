//! HTTP statuses in words: a person is told what happened, and the log keeps the number.

/// Says in words what an HTTP status means to a person.
pub fn in_words(status: u16) -> &'static str {
    match status {
        300..=399 => "it redirects to another address",
        401 | 403 => "it refuses access",
        404 | 410 => "there is nothing at this address any more",
        408 | 504 => "it did not answer in time",
        409 => "something was changed there at the same time",
        413 => "the message is too large for it",
        429 => "it takes no more requests for now",
        500..=599 => "it has trouble of its own",
        _ => "it does not accept the request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_words_hold_a_number() {
        for status in 100..=999 {
            let words = in_words(status);
            assert!(!words.is_empty() && !words.contains(|c: char| c.is_ascii_digit()));
        }
    }
}
