//! `/deviceAppManagement/mobileApps`: polymorphic, each entry with its `@odata.type`.

use serde_json::{Value, json};

use super::error::GraphError;
use super::page::Sizes;
use super::{Call, Reply};
use crate::json::date_time;
use crate::seeded::id_of;
use crate::tenant::Facts;

const DAY: i64 = 86_400;

#[rustfmt::skip]
const APPS: [(&str, &str, Option<&str>, &str); 9] = [
    ("win32LobApp", "Contoso VPN", Some("Contoso, Ltd."), "published"),
    ("iosStoreApp", "Field Notes", Some("Wingtip"), "published"),
    ("officeSuiteApp", "Microsoft 365 Apps for Windows 10 and later", Some("Microsoft"), "published"),
    ("webApp", "Intranet <b>beta</b>", Some(""), "published"),
    ("androidManagedStoreApp", "Besøgsliste & vagtplan", Some("Fabrikam"), "published"),
    ("macOSLobApp", "Ledger \"2026\"", None, "processing"),
    ("winGetApp", "7-Zip", Some("Igor Pavlov"), "notPublished"),
    ("managedIOSStoreApp", "=1+1 Calculator", Some("Proseware"), "published"),
    // A derived type that no published schema has.
    ("visionOSStoreApp", "Spatial Studio", Some("Proseware"), "awaitingReview"),
];

/// Every app.
pub fn all(facts: &Facts) -> Vec<Value> {
    let apps = APPS.iter().zip(0u32..);
    apps.map(|(&(kind, name, publisher, state), index)| {
        let created = facts.anchor - i64::from(index + 3) * 31 * DAY;
        let mut app = json!({
            "@odata.type": format!("#microsoft.graph.{kind}"),
            "id": id_of(facts.seed, 0x30B1, index),
            "displayName": name,
            "description": (index % 3 != 2).then(|| format!("{name}:\r\nline two\t<i>of the text</i>")),
            "publisher": publisher,
            "largeIcon": null,
            "createdDateTime": date_time(created),
            "lastModifiedDateTime": date_time(created + DAY),
            "isFeatured": index % 4 == 0,
            "privacyInformationUrl": (index % 4 == 1).then_some("https://privacy.example/?a=1&b=2"),
            "informationUrl": null,
            "owner": "",
            "developer": null,
            "notes": (index % 5 == 0).then_some("Ask IT – ext. 42"),
            "publishingState": state,
        });
        // Derived types bring properties of their own.
        if let (true, Some(fields)) = (kind == "win32LobApp", app.as_object_mut()) {
            fields.insert("fileName".to_owned(), json!("vpn-setup.intunewin"));
            fields.insert("size".to_owned(), json!(48_123_904));
        }
        app
    })
    .collect()
}

/// `/deviceAppManagement/mobileApps`.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    call.page_of(&all(&call.tenant.facts), Sizes::new(1_000, 1_000))
}
