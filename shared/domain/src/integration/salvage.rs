//! Keeps the readable fields of an integration whose stored item cannot be read whole.

use super::{Integration, Unreadable};
use crate::{
    ClientId, TenantId,
    cloud::Cloud,
    connect::{Checked, Proof},
    expiry::Credential,
};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};

impl Integration {
    /// Reads every field of a stored integration that can be read, and marks the integration as
    /// unreadable for the reason given. `name` stands in for a name that cannot be read.
    pub fn salvage(tenant: TenantId, name: &str, stored: &str, why: String) -> Self {
        let blank = blank(tenant, name);
        let mut read = to_object(&blank);
        let stored: Map<String, Value> = serde_json::from_str(stored).unwrap_or_default();
        for (field, value) in stored {
            let before = read.insert(field.clone(), value);
            if from_object(&read).is_none() {
                match before {
                    Some(before) => read.insert(field, before),
                    None => read.remove(&field),
                };
            }
        }
        let item = "integration".to_owned();
        Self {
            tenant_id: tenant,
            unreadable: Some(Unreadable { item, why }),
            ..from_object(&read).unwrap_or(blank)
        }
    }
}

fn to_object(integration: &Integration) -> Map<String, Value> {
    match serde_json::to_value(integration) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn from_object(object: &Map<String, Value>) -> Option<Integration> {
    serde_json::from_value(Value::Object(object.clone())).ok()
}

fn blank(tenant: TenantId, name: &str) -> Integration {
    let form = Checked {
        name: name.to_owned(),
        tenant_id: tenant,
        // A placeholder: no stored client ID is nil, and none that is would be read.
        client_id: ClientId::from(tenant.uuid()),
        proof: Proof::Secret(SecretString::from(String::new())),
        cloud: None,
        cadence_minutes: 60,
        secret_expires_at: None,
    };
    let credential = Credential::client_secret(String::new(), Timestamp::UNIX_EPOCH);
    Integration::new(&form, Cloud::Global, credential, Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Permission, integration::Status};

    fn tenant() -> TenantId {
        "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
            .parse()
            .expect("a GUID")
    }

    #[test]
    fn an_unknown_word_costs_its_field_and_no_other() {
        let mut stored = to_object(&blank(tenant(), "Contoso"));
        stored.insert("cloud".into(), "moon".into());
        stored.insert("cadence_minutes".into(), 240.into());
        let text = Value::Object(stored).to_string();
        let read = Integration::salvage(tenant(), "contoso", &text, "unknown cloud".into());
        assert_eq!((read.name.as_str(), read.cadence_minutes), ("Contoso", 240));
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(read.status(&[], now), Status::CannotBeRead);
        let told = &read.problems(&[], now)[0].sentence;
        for part in ["unknown cloud", "`integration`", &tenant().to_string()] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn what_is_no_json_still_has_a_tenant_and_a_name() {
        let read = Integration::salvage(tenant(), "contoso", "{\"tenant", "cut off".into());
        assert_eq!((read.tenant_id, read.name.as_str()), (tenant(), "contoso"));
    }

    #[test]
    fn a_permission_and_a_source_of_a_newer_version_are_passed_over() {
        let mut integration = blank(tenant(), "Contoso");
        integration.roles = Permission::required().collect();
        let mut stored = to_object(&integration);
        if let Some(Value::Array(roles)) = stored.get_mut("roles") {
            roles.push("Moon.Read.All".into());
        }
        stored["credential"]["expiry_source"] = "horoscope".into();
        let read = from_object(&stored).expect("it is read");
        assert_eq!(read.roles, integration.roles);
    }
}
