//! `/applications`: the app registration itself, and one that has nothing to do with it.

use serde_json::{Value, json};

use super::error::GraphError;
use super::page::{Sizes, project};
use super::{Call, Reply};
use crate::json::date_time;
use crate::key_identifiers::KeyIdentifiers;
use crate::seeded::id_of;
use crate::tenant::{Certificate, Facts, Secret, SecretPolicy, State};
use uuid::Uuid;

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

/// `/applications/{id}/addPassword`: a new secret, whose text is told here only.
///
/// The refusals are those of an app management policy:
/// <https://learn.microsoft.com/graph/api/resources/applicationauthenticationmethodpolicy>
pub fn add_password(call: &Call<'_>) -> Result<Reply, GraphError> {
    let body = own_registration(call)?;
    let asked = &body["passwordCredential"];
    let now = call.world.clock.now();
    let end = asked["endDateTime"]
        .as_str()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        .map_or(now + 730 * DAY, jiff::Timestamp::as_second);
    let mut state = call.tenant.write();
    let policy = match state.secret_policy.exempts_app {
        true => SecretPolicy::default(),
        false => state.secret_policy,
    };
    if policy.forbidden {
        let message = "Credential type not allowed as per assigned policy \
                       '538f1913-366a-440a-95a0-e195cb55b282'.";
        return Err(GraphError::new(
            400,
            "CredentialTypeNotAllowedAsPerAppPolicy",
            message,
        ));
    }
    if policy.longest.is_some_and(|longest| end - now > longest) {
        let message = "Credential lifetime exceeds the max value allowed as per assigned policy \
                       '538f1913-366a-440a-95a0-e195cb55b282'.";
        return Err(GraphError::new(
            400,
            "CredentialInvalidLifetimeAsPerAppPolicy",
            message,
        ));
    }
    let secret = Secret {
        key_id: Uuid::new_v4(),
        value: crate::seeded::secret(Uuid::new_v4().as_u64_pair().0),
        name: asked["displayName"].as_str().map(str::to_owned),
        start: now,
        end,
        known_from: now + state.credential_lag,
    };
    let mut told = password(&secret);
    told["secretText"] = json!(secret.value);
    told["@odata.context"] = json!(call.context());
    state.secrets.push(secret);
    Ok(Reply::Json(told.to_string()))
}

/// `/applications/{id}/removePassword`.
pub fn remove_password(call: &Call<'_>) -> Result<Reply, GraphError> {
    let body = own_registration(call)?;
    let mut state = call.tenant.write();
    let before = state.secrets.len();
    state
        .secrets
        .retain(|secret| body["keyId"].as_str() != Some(&secret.key_id.to_string()));
    if state.secrets.len() == before {
        let message = "No password credential found with keyId.";
        return Err(GraphError::new(400, "Request_BadRequest", message));
    }
    Ok(Reply::Nothing)
}

/// `/policies/defaultAppManagementPolicy`.
///
/// <https://learn.microsoft.com/graph/api/tenantappmanagementpolicy-get>
pub fn default_policy(call: &Call<'_>) -> Result<Reply, GraphError> {
    let policy = call.tenant.read().secret_policy;
    let mut restrictions = Vec::new();
    if policy.forbidden {
        restrictions.push(json!({
            "restrictionType": "passwordAddition", "state": "enabled", "maxLifetime": null,
            "restrictForAppsCreatedAfterDateTime": "2019-10-19T10:37:00Z",
        }));
    }
    if let Some(longest) = policy.longest {
        restrictions.push(json!({
            "restrictionType": "passwordLifetime", "state": "enabled",
            "maxLifetime": format!("P{}D", longest / DAY),
            "restrictForAppsCreatedAfterDateTime": null,
        }));
    }
    let told = json!({
        "@odata.context": call.context(),
        "id": "00000000-0000-0000-0000-000000000000",
        "displayName": "Default app management tenant policy",
        "description": "Default tenant policy that enforces app management restrictions.",
        "isEnabled": !restrictions.is_empty(),
        "applicationRestrictions": { "passwordCredentials": restrictions, "keyCredentials": [] },
        "servicePrincipalRestrictions": { "passwordCredentials": [], "keyCredentials": [] },
    });
    Ok(Reply::Json(told.to_string()))
}

/// `/applications/{id}/appManagementPolicies`: at most one, in place of the tenant's.
pub fn own_policies(call: &Call<'_>) -> Result<Reply, GraphError> {
    let mut policies = Vec::new();
    if call.tenant.read().secret_policy.exempts_app {
        policies.push(json!({
            "id": id_of(call.tenant.facts.seed, 0xA9F, 9),
            "displayName": "Exempt",
            "description": null,
            "isEnabled": true,
            "restrictions": { "passwordCredentials": [], "keyCredentials": [] },
        }));
    }
    let told = json!({ "@odata.context": call.context(), "value": policies });
    Ok(Reply::Json(told.to_string()))
}

/// The body of an action on the app's own registration, refused where the app does not own it.
fn own_registration(call: &Call<'_>) -> Result<Value, GraphError> {
    let id = call.argument();
    let facts = &call.tenant.facts;
    let state = call.tenant.read();
    let known = all(&state, facts)
        .into_iter()
        .find(|app| app["id"].as_str() == Some(id));
    let app = known.ok_or_else(|| GraphError::no_object(id))?;
    let own = app["appId"].as_str() == Some(&facts.options.client_id.to_string());
    if !(own && state.owns_itself) {
        return Err(call.resource.service.denied(&[]));
    }
    Ok(serde_json::from_slice(&call.body).unwrap_or_default())
}

fn password(secret: &Secret) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": secret.name,
        "endDateTime": date_time(secret.end),
        "hint": secret.value.chars().take(3).collect::<String>(),
        "keyId": secret.key_id,
        "secretText": null,
        "startDateTime": date_time(secret.start),
    })
}

/// As the certificates & secrets page lists it.
fn certificate(certificate: &Certificate, identifiers: KeyIdentifiers) -> Value {
    json!({
        "customKeyIdentifier": identifiers.of(&certificate.der),
        "displayName": "CN=muster",
        "endDateTime": date_time(certificate.end),
        "key": null,
        "keyId": certificate.key_id,
        "startDateTime": date_time(certificate.start),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}

/// Every application of the tenant.
pub fn all(state: &State, facts: &Facts) -> Vec<Value> {
    let secrets: Vec<Value> = state.secrets.iter().map(password).collect();
    let certificates: Vec<Value> = state
        .certificates
        .iter()
        .map(|one| certificate(one, state.key_identifiers))
        .collect();
    let access: Vec<Value> = facts
        .options
        .permissions
        .iter()
        .filter_map(|permission| Some(json!({ "id": role_id(permission)?, "type": "Role" })))
        .collect();
    let options = &facts.options;
    let own = application(
        facts,
        0,
        &json!({
            "appId": options.client_id,
            "displayName": "Inventory",
            "passwordCredentials": secrets,
            "keyCredentials": certificates,
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

/// The id of an application permission of Microsoft Graph.
///
/// <https://learn.microsoft.com/graph/permissions-reference>
fn role_id(permission: &str) -> Option<&'static str> {
    Some(match permission {
        "AuditLog.Read.All" => "b0afded3-3588-46d8-8b3d-9842eff778da",
        "DeviceManagementApps.Read.All" => "7a6ee1e7-141e-4cec-ae74-d9db155731ff",
        "DeviceManagementManagedDevices.Read.All" => "2f51be20-0bb4-4fed-bf7b-db946066c75e",
        "Directory.Read.All" => "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
        "Organization.Read.All" => "498476ce-e0fe-48b0-b801-37ba7e2685c6",
        "Reports.Read.All" => "230c1aed-a721-4c5d-9cb4-a90514e508ef",
        "ReportSettings.ReadWrite.All" => "2a60023f-3219-47ad-baa4-40e17cd02a1d",
        "SecurityEvents.Read.All" => "bf394140-e372-4bf9-a898-299cfc7564e5",
        "User.Read.All" => "df021288-bdef-4463-88db-98f22de89214",
        "SecurityAlert.Read.All" => "472e4a4d-bb4a-4026-98d1-0b0d74cb74a5",
        "SecurityIncident.Read.All" => "45cc0394-e837-488b-a098-1918f48d186c",
        "Application.ReadWrite.OwnedBy" => "18a4783c-866b-4cc7-a460-3d5e5662c884",
        "Policy.Read.All" => "246dd0d5-5bd0-4def-940b-0421030a5b68",
        _ => return None,
    })
}
