//! One spelling for each value: a date, a flag or a number that Microsoft writes in another way is the
//! same value, and no change.
//!
//! Usage reports went from `2021-10-25` to `2021-10-25T00:00:00Z` overnight
//! (<https://github.com/microsoftgraph/microsoft-graph-docs/issues/14867>). What cannot be read stays
//! as it came.

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::Value;

/// A day as `2026-01-31`: the day as written, whatever time and offset stand behind it. Microsoft's
/// "never" (0001-01-01) is absent.
pub(crate) fn date(text: &str) -> Value {
    if is_never(text) {
        return Value::Null;
    }
    if is_plain_date(text) {
        return Value::from(text);
    }
    let trimmed = text.trim();
    let written = trimmed
        .get(..10)
        .filter(|day| is_plain_date(day) && (instant(trimmed).is_some() || *day == trimmed))
        .map(str::to_owned);
    let day = written.or_else(|| Some(us_date_time(trimmed)?.date().to_string()));
    match day {
        Some(day) if is_never(&day) => Value::Null,
        Some(day) => Value::from(day),
        None => Value::from(text),
    }
}

/// An instant as RFC 3339 in UTC; one without an offset is in UTC, as everything in Graph is.
pub(crate) fn date_time(text: &str) -> Value {
    if is_never(text) {
        return Value::Null;
    }
    match instant(text.trim()) {
        Some(instant) => {
            let instant = instant.to_string();
            match is_never(&instant) {
                true => Value::Null,
                false => Value::from(instant),
            }
        }
        None => Value::from(text),
    }
}

/// A flag in a report: `True` and `False`, or `Yes` and `No`, or `1` and `0`.
pub(crate) fn flag(cell: &str) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|word| cell.eq_ignore_ascii_case(word));
    match () {
        () if is(["true", "yes", "1"]) => Some(true),
        () if is(["false", "no", "0"]) => Some(false),
        () => None,
    }
}

/// A whole number, also with separated thousands (`1,234`) or written as a decimal (`12.0`).
pub(crate) fn integer(cell: &str) -> Option<i64> {
    if let Ok(number) = cell.parse() {
        return Some(number);
    }
    let (whole, fraction) = cell.split_once('.').unwrap_or((cell, "0"));
    if fraction.is_empty() || fraction.bytes().any(|digit| digit != b'0') {
        return None;
    }
    without_separators(whole)?.parse().ok()
}

/// A number, also with separated thousands.
pub(crate) fn decimal(cell: &str) -> Option<f64> {
    let number = match cell.parse::<f64>() {
        Ok(number) => number,
        Err(_) => {
            let (whole, fraction) = cell.split_once('.').unwrap_or((cell, "0"));
            let whole = without_separators(whole)?;
            format!("{whole}.{fraction}").parse().ok()?
        }
    };
    number.is_finite().then_some(number)
}

/// Digits in groups of three between commas, without the commas.
fn without_separators(whole: &str) -> Option<String> {
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let all_digits = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let mut groups = digits.split(',');
    let first = groups.next().unwrap_or_default();
    let separated = digits.contains(',');
    let fits = all_digits(first)
        && (!separated || first.len() <= 3)
        && groups.all(|group| group.len() == 3 && all_digits(group));
    fits.then(|| whole.replace(',', ""))
}

fn is_never(text: &str) -> bool {
    text.is_empty() || text.starts_with("0001-01-01")
}

/// True if a text is a day just as it is stored.
pub(crate) fn is_plain_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let two = |at: usize| u32::from(bytes[at] - b'0') * 10 + u32::from(bytes[at + 1] - b'0');
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && (1..=12).contains(&two(5))
        && (1..=31).contains(&two(8))
}

/// The instant that a text names, in whatever spelling.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let civil = text.parse::<civil::DateTime>().ok();
    let civil = civil.or_else(|| us_date_time(text))?;
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

/// `1/31/2026`, with or without a time: how .NET writes a date where no format is named.
/// <https://learn.microsoft.com/dotnet/api/system.globalization.cultureinfo.invariantculture>
fn us_date_time(text: &str) -> Option<civil::DateTime> {
    let (day, time) = text.split_once(' ').unwrap_or((text, ""));
    let mut parts = day.split('/');
    let (month, number, year) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 || parts.next().is_some() {
        return None;
    }
    let date = civil::Date::new(
        year.parse().ok()?,
        month.parse().ok()?,
        number.parse().ok()?,
    );
    Some(date.ok()?.to_datetime(us_time(time.trim())?))
}

fn us_time(text: &str) -> Option<civil::Time> {
    if text.is_empty() {
        return Some(civil::Time::midnight());
    }
    let (clock, half) = match text.split_once(' ') {
        Some((clock, half)) if half.eq_ignore_ascii_case("AM") => (clock, Some(0)),
        Some((clock, half)) if half.eq_ignore_ascii_case("PM") => (clock, Some(12)),
        Some(_) => return None,
        None => (text, None),
    };
    let mut parts = clock.split(':').map(str::parse::<i8>);
    let hour = parts.next()?.ok()?;
    let minute = parts.next()?.ok()?;
    let second = parts.next().unwrap_or(Ok(0)).ok()?;
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    civil::Time::new(hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_day_has_one_spelling_however_it_comes() {
        for text in [
            "2024-01-05",
            "2024-01-05T00:00:00Z",
            "2024-01-05T00:00:00z",
            "2024-01-05T00:00:00",
            "2024-01-05 00:00:00",
            "2024-01-05T00:00:00.0000000Z",
            "2024-01-05T00:00:00+00:00",
            "2024-01-05T00:00:00+02:00",
            "1/5/2024",
            "01/05/2024",
            "1/5/2024 12:00:00 AM",
            "01/05/2024 00:00:00",
            " 2024-01-05 ",
        ] {
            assert_eq!(date(text), "2024-01-05", "{text}");
        }
        for never in [
            "",
            "0001-01-01",
            "0001-01-01T00:00:00Z",
            "1/1/0001 12:00:00 AM",
        ] {
            assert_eq!(date(never), Value::Null, "{never}");
        }
        for other in [
            "soon",
            "2024-01",
            "31/12/2024",
            "2024-01-05 or so",
            "2024-13-05",
        ] {
            assert_eq!(date(other), other);
        }
    }

    #[test]
    fn an_instant_has_one_spelling_however_it_comes() {
        for text in [
            "2024-01-05T10:00:00Z",
            "2024-01-05T10:00:00z",
            "2024-01-05t10:00:00Z",
            "2024-01-05T10:00:00.0000000Z",
            "2024-01-05T12:00:00+02:00",
            "2024-01-05T10:00:00",
            "2024-01-05 10:00:00",
            "1/5/2024 10:00:00 AM",
            "01/05/2024 10:00:00",
        ] {
            assert_eq!(date_time(text), "2024-01-05T10:00:00Z", "{text}");
        }
        for (text, hour) in [
            ("1/5/2024 10:00:00 PM", "22"),
            ("1/5/2024 12:00:00 PM", "12"),
            ("1/5/2024 12:00 AM", "00"),
        ] {
            assert_eq!(
                date_time(text),
                format!("2024-01-05T{hour}:00:00Z"),
                "{text}"
            );
        }
        assert_eq!(date_time("2024-01-05"), "2024-01-05T00:00:00Z");
        assert_eq!(date_time("1/1/0001 12:00:00 AM"), Value::Null);
        assert_eq!(date_time("soon"), "soon");
    }

    #[test]
    fn flags_and_numbers_have_one_spelling_however_they_come() {
        for (cell, is) in [
            ("True", true),
            ("YES", true),
            ("1", true),
            ("no", false),
            ("0", false),
        ] {
            assert_eq!(flag(cell), Some(is), "{cell}");
        }
        assert_eq!(flag("maybe"), None);
        for (cell, number) in [
            ("12", Some(12)),
            ("1,234,567", Some(1_234_567)),
            ("-1,234", Some(-1234)),
            ("12.0", Some(12)),
            ("12.5", None),
            ("12.", None),
            ("1,23", None),
            ("1234,567", None),
            (",123", None),
            ("many", None),
        ] {
            assert_eq!(integer(cell), number, "{cell}");
        }
        assert_eq!(decimal("1,234.5"), Some(1234.5));
        assert_eq!(decimal("NaN"), None);
    }

    proptest! {
        #[test]
        fn what_has_its_one_spelling_keeps_it(text in "[0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,4}[T ]?[0-9:]{0,8}(Z|[+]02:00|[.]5| PM)?") {
            for spell in [date, date_time] {
                let once = spell(&text);
                if let Some(once) = once.as_str() {
                    prop_assert_eq!(spell(once), Value::from(once));
                }
            }
        }
    }
}
