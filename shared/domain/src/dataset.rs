//! What a dataset is: a declaration that the engine, the pages and the documentation all read.
//!
//! `$select`, parsing, table and CSV headers, the OpenAPI schema and `docs/datasets.md` derive
//! from it; a definition states only what differs from the next one.

use crate::{Permission, count::Count, lasting::LastingDates, pace::Service, verdict::Licence};

/// One kind of record synced from Microsoft Graph.
#[derive(Debug)]
pub struct Dataset {
    /// The name in paths, states and keys: `managed_devices`.
    pub name: &'static str,
    /// The name a person reads: "Intune devices".
    pub title: &'static str,
    /// One sentence: what it holds.
    pub about: &'static str,
    /// Microsoft's reference page for the call.
    pub doc: &'static str,
    /// The path below `/v1.0`, with a leading slash.
    pub path: &'static str,
    /// Query parameters beside `$select` and `$top`; `{client_id}` stands for the integration's.
    pub query: &'static [(&'static str, &'static str)],
    /// The service whose quota its requests use.
    pub service: Service,
    /// How its objects are enumerated.
    pub enumeration: Enumeration,
    /// Where Microsoft's own count of them is, below `/v1.0`; a whole list is held against it
    /// (`tally.rs`).
    pub count: Option<&'static str>,
    /// The column that names a record.
    pub key: Key,
    /// The columns, in storage order: appended to, never reordered (a test pins the order).
    pub columns: &'static [Column],
    /// All of these groups must be granted, each by any one of its permissions.
    pub needs: &'static [&'static [Permission]],
    /// The licence the tenant must hold.
    pub licence: Option<Licence>,
    /// `$top`, where the service takes one.
    pub page_size: Option<u16>,
    /// Whether the call takes `$select`.
    pub select: bool,
    /// How often it is due, in minutes; 0 is at every sync.
    pub due_every_minutes: u32,
    /// How long its records are kept after they were last seen, in days; `None` is until removed.
    pub retention_days: Option<u16>,
    /// Lower runs earlier, so that a first look is useful within seconds.
    pub priority: u8,
    /// Columns that move by themselves every day: what moves is packed apart from the records, and is no
    /// change that anybody asks about. Appended to, never reordered (a test pins the order).
    pub volatile: &'static [&'static str],
    /// The dates that stay where an entry leaves them out.
    pub lasting: LastingDates,
    /// The counts of the summary that its records feed.
    pub counts: &'static [Count],
}

/// How a dataset's objects are enumerated, and so what proves that an enumeration is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enumeration {
    /// Delta query: pages to a `@odata.deltaLink`, then only what changed since.
    Delta(Delta),
    /// Every page of a list, to the page without `@odata.nextLink`.
    Full,
    /// One object, bare or wrapped in `value`.
    Single,
    /// A CSV usage report behind a redirect to another host.
    Report,
    /// One object a day, kept longer here than Microsoft keeps it: nothing is ever removed.
    SnapshotByDay,
}

/// Further facts about a collection that is read by delta query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delta {
    /// The path of the plain list, below `/v1.0`: read where Microsoft does not offer changes.
    pub list: &'static str,
    /// Columns that every whole object has. An entry without them names only a part of its object.
    pub always: &'static [&'static str],
}

impl Enumeration {
    /// Returns true if the collection is read by delta query.
    pub fn is_delta(self) -> bool {
        matches!(self, Self::Delta(_))
    }

    /// Whether a complete enumeration proves that a record it did not hold is gone.
    pub fn proves_absence(self) -> bool {
        !matches!(self, Self::SnapshotByDay)
    }

    /// The word for it in documentation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delta(_) => "delta",
            Self::Full => "full",
            Self::Single => "single",
            Self::Report => "report",
            Self::SnapshotByDay => "snapshot by day",
        }
    }
}

/// Where a record's key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The value of this column.
    Column(&'static str),
    /// The first column, or where the service leaves it out the second.
    ColumnOr(&'static str, &'static str),
    /// There is only ever one record, of this key.
    Constant(&'static str),
    /// A sign-in name, which several rows of a report may share.
    Shared(&'static SharedName),
}

/// How the rows of a report that share a sign-in name are told apart (`report/shared_names.rs`).
#[derive(Debug, PartialEq, Eq)]
pub struct SharedName {
    /// The column of the name.
    pub column: &'static str,
    /// The column that says that a row is of somebody deleted: such a row matters least.
    pub deleted: &'static str,
    /// The columns of the last activity: the row with the latest matters most.
    pub activity: &'static [&'static str],
    /// The columns that tell rows of one name apart: those that do not move from day to day.
    pub beside: &'static [&'static str],
}

/// One column of a dataset.
#[derive(Debug)]
pub struct Column {
    /// Microsoft's property path in snake_case.
    pub name: &'static str,
    /// The JSON path (`prepaidUnits/enabled`; a list on the way is mapped over) or the CSV header.
    pub source: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// One line for a person.
    pub about: &'static str,
}

/// What a column's values are. A value of another shape is kept as text, never refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// A day, `2026-01-31`.
    Date,
    /// An instant, stored as RFC 3339 in UTC; Microsoft's "never" (0001-01-01) is absent.
    DateTime,
    /// A list of texts.
    Texts,
    /// A SKU id, shown by its product name.
    Sku,
    /// A list of SKU ids, shown by their product names.
    Skus,
    /// Anything else, kept as JSON.
    Json,
}

impl Kind {
    /// The word for it in documentation and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Texts => "list of texts",
            Self::Sku => "SKU id",
            Self::Skus => "list of SKU ids",
            Self::Json => "JSON",
        }
    }
}

impl Column {
    /// A column; see the fields.
    pub const fn new(
        name: &'static str,
        source: &'static str,
        kind: Kind,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            source,
            kind,
            about,
        }
    }
}

impl Dataset {
    /// Where a column stands.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The `$select` list: the first segment of every column's source, each once.
    pub fn select_list(&self) -> String {
        self.properties(|_| true).join(",")
    }

    /// The properties that the columns read and `asks` takes, each once.
    fn properties(&self, asks: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for column in self.columns {
            let first = column.source.split('/').next().unwrap_or(column.source);
            if !first.starts_with('@') && !names.contains(&first) && asks(first) {
                names.push(first);
            }
        }
        names
    }

    /// The columns that name a record.
    pub fn key_columns(&self) -> Vec<&'static str> {
        match self.key {
            Key::Column(name) => vec![name],
            Key::ColumnOr(name, other) => vec![name, other],
            Key::Constant(_) => Vec::new(),
            Key::Shared(name) => vec![name.column],
        }
    }

    /// Path and query of the first request, below the Graph host, as the definition wishes it.
    pub fn first_request(&self, client_id: crate::ClientId) -> String {
        crate::asking::Asking::default().first_request(self, client_id)
    }

    /// Path and query of a first request to a path, in pages of `top`, for the properties that `asks` takes.
    pub(crate) fn request(
        &self,
        path: &str,
        client_id: crate::ClientId,
        top: Option<u16>,
        asks: impl Fn(&str) -> bool,
    ) -> String {
        let mut query: Vec<String> = Vec::new();
        if self.select {
            query.push(format!("$select={}", self.properties(asks).join(",")));
        }
        if let Some(top) = top {
            query.push(format!("$top={top}"));
        }
        for (name, value) in self.query {
            let value = value.replace("{client_id}", &client_id.to_string());
            let value = percent_encoding::utf8_percent_encode(&value, QUERY).to_string();
            query.push(format!("{name}={value}"));
        }
        let mark = if query.is_empty() { "" } else { "?" };
        format!("/v1.0{path}{mark}{}", query.join("&"))
    }

    /// Every permission that any group of `needs` names.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.needs.iter().flat_map(|group| group.iter().copied())
    }
}

/// What is escaped in a query value.
const QUERY: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'&')
    .add(b'+')
    .add(b'%')
    .add(b'<')
    .add(b'>');

/// Microsoft's property or header name as a column name: `azureADDeviceId` is
/// `azure_ad_device_id`, `prepaidUnits/enabled` is `prepaid_units_enabled`, `Is Deleted` is
/// `is_deleted`.
pub fn snake_case(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut name = String::with_capacity(source.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            continue;
        }
        let after_lower =
            i > 0 && (chars[i - 1].is_ascii_lowercase() || chars[i - 1].is_ascii_digit());
        let starts_word = i > 0
            && chars[i - 1].is_ascii_uppercase()
            && chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && (after_lower || starts_word) && !name.ends_with('_') {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_microsofts_in_snake_case() {
        for (source, name) in [
            ("id", "id"),
            ("userPrincipalName", "user_principal_name"),
            ("azureADDeviceId", "azure_ad_device_id"),
            (
                "signInActivity/lastSignInDateTime",
                "sign_in_activity_last_sign_in_date_time",
            ),
            ("@odata.type", "odata_type"),
            ("Report Refresh Date", "report_refresh_date"),
            ("Deleted Item Quota (Byte)", "deleted_item_quota_byte"),
            ("isMfaRegistered", "is_mfa_registered"),
            ("wiFiMacAddress", "wi_fi_mac_address"),
            ("oauth2RequirePostResponse", "oauth2_require_post_response"),
            ("Has OneDrive License", "has_one_drive_license"),
            ("prepaidUnits/lockedOut", "prepaid_units_locked_out"),
            ("a..b", "a_b"),
        ] {
            assert_eq!(snake_case(source), name);
        }
    }
}
