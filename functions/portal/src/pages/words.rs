//! Values as a person reads them.

use crate::view::DatasetView;
use jiff::{Timestamp, civil::Date};
use maud::{Markup, html};
use muster_domain::{
    Column, Dataset, Kind, expiry, figure, integration::Status, report::ReportRows, sku::Names,
};
use serde_json::Value;

/// A number with thousands apart: `12,345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count, or a dash where it is not known.
pub fn known(n: Option<u64>) -> Markup {
    match n {
        Some(n) => html! { (count(n)) },
        None => unknown(),
    }
}

/// What stands where nothing is known.
pub fn unknown() -> Markup {
    html! { span.unknown title="not known yet" { "–" span.sr { "not known" } } }
}

/// An instant as how long ago it was, with the instant itself for whoever asks.
pub fn ago(at: Timestamp, now: Timestamp) -> Markup {
    let seconds = now.duration_since(at).as_secs();
    let some = |n: i64, unit: &str| {
        let s = if n == 1 { "" } else { "s" };
        format!("{n} {unit}{s} ago")
    };
    let text = match seconds {
        ..60 => "just now".to_owned(),
        60..3_600 => some(seconds / 60, "minute"),
        3_600..86_400 => some(seconds / 3_600, "hour"),
        86_400..2_592_000 => some(seconds / 86_400, "day"),
        _ => at.strftime("%Y-%m-%d").to_string(),
    };
    html! { time datetime=(at) title=(precise(at)) { (text) } }
}

/// The same, or "never".
pub fn ago_or_never(at: Option<Timestamp>, now: Timestamp) -> Markup {
    at.map_or_else(|| html! { span.muted { "never" } }, |at| ago(at, now))
}

/// An instant to the minute.
pub fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(precise(at)) { (at.strftime("%Y-%m-%d %H:%M")) } }
}

/// A day.
pub fn day(at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(precise(at)) { (at.strftime("%-d %b %Y")) } }
}

/// A date without a time.
fn date(day: Date) -> Markup {
    html! { time datetime=(day) { (day.strftime("%-d %b %Y")) } }
}

/// The date and the age of old data: "2 Nov 2026, 27 days old".
pub fn old(at: Timestamp, now: Timestamp) -> Markup {
    html! { span.warn { (day(at)) ", " span.unbroken { (figure::days(at, now)) " days old" } } }
}

/// The day that a dataset's data is about, with its age where it is old.
pub fn data_date(dataset: &DatasetView, now: Timestamp) -> Option<Markup> {
    let day = dataset.data_date?;
    Some(match dataset.data_old {
        true => old(figure::start_of(day), now),
        false => date(day),
    })
}

/// What follows "as of" where a dataset's records are shown: the day that they are about, or else when
/// they were read.
pub fn as_of(dataset: &DatasetView, now: Timestamp) -> Markup {
    let read = ago_or_never(dataset.last_success_at, now);
    match data_date(dataset, now) {
        Some(day) => html! { (day) ", read " (read) },
        None => read,
    }
}

fn precise(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How long is left to a credential, coloured when it is little.
pub fn expires(at: Option<Timestamp>, now: Timestamp) -> Markup {
    let Some(at) = at else {
        return html! { span.muted { "never" } };
    };
    let left = expiry::days_left(at, now);
    let class = match left {
        ..=7 => "bad",
        8..=30 => "warn",
        _ => "",
    };
    let text = match left {
        ..0 => "expired".to_owned(),
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        2..=90 => format!("in {left} days"),
        _ => at.strftime("%-d %b %Y").to_string(),
    };
    html! { time class=(class) datetime=(at) title=(precise(at)) { (text) } }
}

/// A status as a badge.
pub fn status(status: Status) -> Markup {
    let class = match status {
        Status::Connected => "badge good",
        Status::NeedsAttention | Status::CannotBeRead => "badge bad",
        Status::AwaitingConsent => "badge info",
        Status::Paused | Status::Deleting => "badge",
    };
    html! { span class=(class) { (status.title()) } }
}

/// A cadence: `Every hour`.
pub fn cadence(minutes: u32) -> String {
    match minutes {
        60 => "Every hour".to_owned(),
        1440 => "Every day".to_owned(),
        m if m % 1440 == 0 => format!("Every {} days", m / 1440),
        m if m % 60 == 0 => format!("Every {} hours", m / 60),
        m => format!("Every {m} minutes"),
    }
}

/// Milliseconds: `850 ms`, `12 s`, `3 min 20 s`.
pub fn duration(ms: u64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{} s", ms / 1_000),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// A column's name as a heading: `user_principal_name` is "User principal name".
pub fn heading(column: &Column) -> String {
    let name = column
        .name
        .strip_prefix("sign_in_activity_")
        .unwrap_or(column.name);
    let name = name.strip_suffix("_date_time").unwrap_or(name);
    let name = match name {
        "assigned_licenses_sku_id" => "licences",
        "prepaid_units_enabled" => "enabled",
        "prepaid_units_warning" => "in grace",
        "prepaid_units_suspended" => "suspended",
        "prepaid_units_locked_out" => "locked out",
        "consumed_units" => "assigned",
        "sku_id" if column.kind == Kind::Sku => "product",
        name => name.strip_suffix("_byte").unwrap_or(name),
    };
    let mut words = name.split('_').map(|word| match word {
        "id" => "ID",
        "imei" => "IMEI",
        "meid" => "MEID",
        "mfa" => "MFA",
        "os" => "OS",
        "sku" => "SKU",
        "sms" => "SMS",
        "url" => "URL",
        "ad" => "AD",
        "azure" => "Azure",
        other => other,
    });
    let mut text = sentence_case(words.next().unwrap_or_default());
    for word in words {
        text.push(' ');
        text.push_str(word);
    }
    text
}

/// Words with their first letter large.
pub fn sentence_case(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// Whether a column's values are set to the right, as numbers are.
pub fn is_number(column: &Column) -> bool {
    matches!(column.kind, Kind::Integer | Kind::Decimal)
}

/// A value of a column; `names` are those of the tenant's SKUs.
pub fn value(column: &Column, value: &Value, names: &Names) -> Markup {
    match (column.kind, value) {
        (_, Value::Null) => html! { span.unknown { "–" span.sr { "not given" } } },
        (_, Value::Bool(true)) => html! { "Yes" },
        (_, Value::Bool(false)) => html! { "No" },
        (Kind::DateTime, Value::String(text)) => match text.parse() {
            Ok(at) => moment(at),
            Err(_) => html! { (text) },
        },
        (Kind::Date, Value::String(text)) => html! { time datetime=(text) { (text) } },
        (Kind::Sku, Value::String(id)) => html! { span title=(id) { (names.display(id)) } },
        (Kind::Skus, Value::Array(ids)) => {
            let ids = ids.iter().filter_map(Value::as_str);
            html! { ul.chips { @for id in ids { li title=(id) { (names.display(id)) } } } }
        }
        (Kind::Texts, Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            html! { (items.join(", ")) }
        }
        (Kind::Integer, Value::Number(n)) => match n.as_u64() {
            Some(n) if column.name.ends_with("_byte") || column.name.ends_with("_bytes") => {
                html! { span title=(format!("{} bytes", count(n))) { (bytes(n)) } }
            }
            Some(n) => html! { (count(n)) },
            None => html! { (n) },
        },
        (_, Value::Array(_) | Value::Object(_)) => html! { code { (value) } },
        (_, other) => html! { (plain(other)) },
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn bytes(n: u64) -> String {
    let units = ["KB", "MB", "GB", "TB", "PB"];
    let mut scaled = n;
    let mut tenths = 0;
    let mut unit = "bytes";
    for next in units {
        if scaled < 1024 {
            break;
        }
        tenths = scaled % 1024 * 10 / 1024;
        scaled /= 1024;
        unit = next;
    }
    match (unit, scaled) {
        ("bytes", _) | (_, 100..) => format!("{scaled} {unit}"),
        _ => format!("{scaled}.{tenths} {unit}"),
    }
}

/// The columns a table shows when none are chosen: the first that tell something.
pub fn first_columns(dataset: &Dataset) -> Vec<&'static Column> {
    let telling = |column: &&Column| column.kind != Kind::Json && column.name != "id";
    dataset.columns.iter().filter(telling).take(8).collect()
}

/// What proved that an enumeration held everything.
pub fn proof(proof: &str) -> &str {
    match proof {
        "deltaLink" => "Microsoft's delta link",
        "last page" => "the list's last page",
        "whole report" => "a whole report",
        "single object" => "the one object there is",
        other => other,
    }
}

/// What there is to tell of a report's rows. The rows that could not be read are told by the
/// dataset's trouble.
pub fn report_rows(rows: &ReportRows) -> Vec<String> {
    let some = |count: u64, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 row {one}")),
        more => Some(format!("{} rows {many}", self::count(more))),
    };
    let sentences = [
        some(
            rows.nameless,
            "names nobody, such as (Unknown): it is a record of its own",
            "name nobody, such as (Unknown): each is a record of its own",
        ),
        some(
            rows.sharing,
            "shares a sign-in name with another: each is a record of its own",
            "share a sign-in name with another, such as somebody deleted: each is a record of its own",
        ),
        some(
            rows.merged,
            "came twice and is kept once",
            "came more than once and are kept once",
        ),
    ];
    sentences.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_sizes_are_readable() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(512), "512 bytes");
        assert_eq!(bytes(1_610_612_736), "1.5 GB");
        assert_eq!(duration(200_000), "3 min 20 s");
    }

    #[test]
    fn values_never_run() {
        let evil = "<script>alert(1)</script>";
        for dataset in muster_domain::datasets::ALL {
            for column in dataset.columns {
                for sent in [json!(evil), json!([evil]), json!({"a": evil})] {
                    let shown = value(column, &sent, &Names::default()).into_string();
                    assert!(!shown.contains("<script"), "{}: {shown}", column.name);
                }
            }
        }
    }

    #[test]
    fn headings_read_well() {
        let users = &muster_domain::datasets::users::USERS;
        let of = |name: &str| heading(&users.columns[users.column(name).expect("a column")]);
        assert_eq!(of("id"), "ID");
        assert_eq!(of("user_principal_name"), "User principal name");
        assert_eq!(of("assigned_licenses_sku_id"), "Licences");
    }
}
