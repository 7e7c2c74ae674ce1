//! `/applications`: the app registration itself, and one that has nothing to do with it.

use serde_json::{Value, json};

use super::error::GraphError;
use super::page::{Sizes, project};
use super::{Call, Reply};
use crate::json::date_time;
use crate::seeded::id_of;
use crate::tenant::{Facts, State};

const DAY: i64 = 86_400;
/// Microsoft Graph's own application id.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// `/applications`, by `appId` or one and all.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    let mut found = all(&call.tenant.read(), &call.tenant.facts);
    if let Some(filter) = call.query.get("$filter") {
        let wanted = wanted_id(filter).ok_or_else(|| {
            let message = "Unsupported or invalid query filter clause specified.";
            GraphError::new(400, "Request_UnsupportedQuery", message)
        })?;
        found.retain(|app| {
            app["appId"]
                .as_str()
                .is_some_and(|id| id.eq_ignore_ascii_case(&wanted))
        });
    }
    call.page_of(&found, Sizes::new(100, 999))
}

/// The id in `appId eq '…'`.
fn wanted_id(filter: &str) -> Option<String> {
    let (property, rest) = filter.trim().split_once(' ')?;
    let value = rest.trim_start().strip_prefix("eq ")?.trim();
    let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
    property
        .eq_ignore_ascii_case("appId")
        .then(|| value.to_owned())
}

/// `/applications/{id}`, by object id.
pub fn one(call: &Call<'_>) -> Result<Reply, GraphError> {
    let select = call.query.select(call.resource)?;
    let id = call.argument();
    let all = all(&call.tenant.read(), &call.tenant.facts);
    let found = all.iter().find(|app| {
        app["id"]
            .as_str()
            .is_some_and(|i| i.eq_ignore_ascii_case(id))
    });
    let mut app = project(
        found.ok_or_else(|| GraphError::no_object(id))?,
        select.as_deref(),
    );
    if let Some(fields) = app.as_object_mut() {
        fields.insert(
            "@odata.context".to_owned(),
            json!(format!("{}/$entity", call.context())),
        );
    }
    Ok(Reply::Json(app.to_string()))
}

/// Every application of the tenant.
pub fn all(state: &State, facts: &Facts) -> Vec<Value> {
    let secrets: Vec<Value> = state
        .secrets
        .iter()
        .map(|secret| {
            json!({
                "customKeyIdentifier": null,
                "displayName": secret.name,
                "endDateTime": date_time(secret.end),
                "hint": secret.value.chars().take(3).collect::<String>(),
                "keyId": secret.key_id,
                "secretText": null,
                "startDateTime": date_time(secret.start),
            })
        })
        .collect();
    let access: Vec<Value> = (0..facts.options.permissions.len())
        .map(|i| json!({ "id": id_of(0xA99, 0x201E, u32::try_from(i).unwrap_or_default()), "type": "Role" }))
        .collect();
    let options = &facts.options;
    let own = application(
        facts,
        0,
        &json!({
            "appId": options.client_id,
            "displayName": "Inventory",
            "passwordCredentials": secrets,
            "requiredResourceAccess": [{ "resourceAppId": GRAPH, "resourceAccess": access }],
            "web": {
                "homePageUrl": null,
                "logoutUrl": null,
                "redirectUris": options.redirect_uris,
                "implicitGrantSettings": {
                    "enableAccessTokenIssuance": false,
                    "enableIdTokenIssuance": false,
                },
            },
        }),
    );
    let other = application(
        facts,
        1,
        &json!({
            "appId": id_of(facts.seed, 0xA9F, 2),
            "displayName": "Payroll <bridge> & \"export\"",
            "keyCredentials": [{
                "customKeyIdentifier": "52534645",
                "displayName": "CN=payroll",
                "endDateTime": "9999-12-31T23:59:59Z",
                "key": null,
                "keyId": id_of(facts.seed, 0xA9F, 3),
                "startDateTime": date_time(facts.anchor - 700 * DAY),
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
            }],
        }),
    );
    vec![own, other]
}

/// An application with what is particular about it.
fn application(facts: &Facts, index: u32, particular: &Value) -> Value {
    let mut app = json!({
        "id": id_of(facts.seed, 0xA90, index),
        "deletedDateTime": null,
        "appId": null,
        "applicationTemplateId": null,
        "disabledByMicrosoftStatus": null,
        "createdDateTime": date_time(facts.anchor - 200 * DAY),
        "displayName": null,
        "description": null,
        "groupMembershipClaims": null,
        "identifierUris": [],
        "isDeviceOnlyAuthSupported": null,
        "isFallbackPublicClient": null,
        "notes": null,
        "publisherDomain": facts.domain,
        "signInAudience": "AzureADMyOrg",
        "tags": [],
        "addIns": [],
        "appRoles": [],
        "keyCredentials": [],
        "passwordCredentials": [],
        "publicClient": { "redirectUris": [] },
        "spa": { "redirectUris": [] },
        "web": { "redirectUris": [] },
        "requiredResourceAccess": [],
        "verifiedPublisher": { "displayName": null, "verifiedPublisherId": null, "addedDateTime": null },
    });
    if let (Some(app), Some(particular)) = (app.as_object_mut(), particular.as_object()) {
        app.extend(
            particular
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
    app
}
