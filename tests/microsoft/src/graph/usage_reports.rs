//! Usage reports: a redirect to the host that has the CSV, and the rows of the CSV.
//!
//! <https://learn.microsoft.com/graph/api/reportroot-getoffice365activeuserdetail>

use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::GraphError;
use super::{Call, Reply};
use crate::json::date_into;
use crate::licences;
use crate::people::{Kind, Person, SignIns};
use crate::seeded::mix;
use crate::tenant::{Facts, State};
use crate::world::Download;

const DAY: i64 = 86_400;
/// Seconds that a download's address works.
pub const LIFETIME: i64 = 300;

/// As the service orders them, which is not as its documentation does.
const HEADERS: [&str; 24] = [
    "Report Refresh Date",
    "User Principal Name",
    "Display Name",
    "Is Deleted",
    "Deleted Date",
    "Has Exchange License",
    "Has OneDrive License",
    "Has SharePoint License",
    "Has Skype For Business License",
    "Has Yammer License",
    "Has Teams License",
    "Exchange Last Activity Date",
    "OneDrive Last Activity Date",
    "SharePoint Last Activity Date",
    "Skype For Business Last Activity Date",
    "Yammer Last Activity Date",
    "Teams Last Activity Date",
    "Exchange License Assign Date",
    "OneDrive License Assign Date",
    "SharePoint License Assign Date",
    "Skype For Business License Assign Date",
    "Yammer License Assign Date",
    "Teams License Assign Date",
    "Assigned Products",
];

/// Answers with the address of the CSV, which needs no token and works for some minutes.
pub fn redirect(call: &Call<'_>) -> Result<Reply, GraphError> {
    let argument = call.argument().replace('"', "'");
    let period = argument
        .strip_prefix("period='")
        .and_then(|rest| rest.strip_suffix('\''))
        .filter(|period| matches!(*period, "D7" | "D30" | "D90" | "D180"));
    let Some(period) = period else {
        let message = format!(
            "Invalid period value specified: '{argument}'. Supported values are: D7, D30, D90, D180."
        );
        return Err(GraphError::new(400, "InvalidArgument", message));
    };
    let url = call.world.offer(Download {
        tenant: Arc::clone(call.tenant),
        report: "Office365ActiveUserDetail".to_owned(),
        period: period.to_owned(),
        body: None,
        expires: call.world.clock.now() + LIFETIME,
    });
    Ok(Reply::Redirect(url.into()))
}

/// The first line of the CSV.
pub fn header_line() -> String {
    let mut line = "\u{FEFF}".to_owned();
    line.push_str(&HEADERS.join(","));
    line.push_str("\r\n");
    line
}

/// Appends the CSV lines of the users in a range.
pub fn lines(
    range: std::ops::Range<u32>,
    days: i64,
    now: i64,
    state: &State,
    facts: &Facts,
    out: &mut String,
) {
    for index in range {
        let Some(row) = row(index, days, now, state, facts) else {
            continue;
        };
        for (i, field) in row.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            if field.contains([',', '"', '\n', '\r']) {
                out.push('"');
                out.push_str(&field.replace('"', "\"\""));
                out.push('"');
            } else {
                out.push_str(field);
            }
        }
        out.push_str("\r\n");
    }
}

/// Every row, by header.
pub fn objects(days: i64, now: i64, state: &State, facts: &Facts) -> Vec<Value> {
    let rows = (0..state.total).filter_map(|index| row(index, days, now, state, facts));
    rows.map(|row| {
        let fields = HEADERS.iter().zip(row);
        let fields: Map<String, Value> = fields
            .map(|(name, value)| ((*name).to_owned(), Value::String(value)))
            .collect();
        Value::Object(fields)
    })
    .collect()
}

/// The row of a user who has, or had, a product.
fn row(index: u32, days: i64, now: i64, state: &State, facts: &Facts) -> Option<[String; 24]> {
    let person = state
        .person(index, facts)
        .filter(|p| p.licences != 0 && p.kind != Kind::Guest)?;
    let edited = |name: &str| {
        let value = state.edited(index).and_then(|edits| edits.get(name));
        value.and_then(Value::as_str).map(str::to_owned)
    };
    let name = edited("displayName").unwrap_or_else(|| person.display_name());
    let principal = edited("userPrincipalName").unwrap_or_else(|| person.principal_name(facts));
    let (name, principal) = match state.conceal {
        true => (concealed(&name, facts), concealed(&principal, facts)),
        false => (name, principal),
    };
    // The service is about two days behind.
    let refreshed = now.div_euclid(DAY) * DAY - 2 * DAY;
    let has = |service: &str| licences::has_service(person.licences, service);
    let held = [
        has("exchange"),
        has("SharePoint"),
        has("SharePoint"),
        false,
        false,
        has("TeamspaceAPI"),
    ];
    let yes = |value: bool| if value { "True" } else { "False" }.to_owned();
    let active = |at: usize| {
        held[at]
            .then(|| last_active(&person, at as u64, facts))
            .flatten()
            .filter(|last| *last <= refreshed && *last > refreshed - days * DAY)
            .map(day)
            .unwrap_or_default()
    };
    let assigned = |at: usize| {
        if held[at] {
            day(person.created)
        } else {
            Default::default()
        }
    };
    let products: Vec<&str> = licences::held(person.licences)
        .map(|sku| sku.product)
        .collect();
    Some([
        day(refreshed),
        principal,
        name,
        yes(person.deleted.is_some()),
        person.deleted.map(day).unwrap_or_default(),
        yes(held[0]),
        yes(held[1]),
        yes(held[2]),
        yes(held[3]),
        yes(held[4]),
        yes(held[5]),
        active(0),
        active(1),
        active(2),
        active(3),
        active(4),
        active(5),
        assigned(0),
        assigned(1),
        assigned(2),
        assigned(3),
        assigned(4),
        assigned(5),
        products.join("+"),
    ])
}

fn last_active(person: &Person, service: u64, facts: &Facts) -> Option<i64> {
    match person.sign_ins(facts) {
        SignIns::At { last, .. } if person.roll(0xAC0 + service, 5) > 0 => {
            let before = i64::try_from(person.roll(0xAC9 + service, 12)).unwrap_or_default();
            Some((last - before * DAY).div_euclid(DAY) * DAY)
        }
        _ => None,
    }
}

/// 32 upper-case hexadecimal digits, the same for the same text.
fn concealed(text: &str, facts: &Facts) -> String {
    let hash = crate::seeded::hash_text(text);
    format!(
        "{:016X}{:016X}",
        mix(facts.seed, 0xC0, hash),
        mix(facts.seed, 0xC1, hash)
    )
}

fn day(seconds: i64) -> String {
    let mut text = String::with_capacity(10);
    date_into(seconds, &mut text);
    text
}
