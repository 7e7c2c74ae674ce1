//! The form that connects a tenant, checked before anything is asked or stored.

use crate::{ClientId, TenantId, cloud::Cloud, expiry::CredentialKind, ids};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// The form as it came: every field untrusted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Form {
    /// What the MSP calls the client.
    pub name: String,
    /// The Directory (tenant) ID.
    pub tenant_id: String,
    /// The Application (client) ID.
    pub client_id: String,
    /// The client secret's Value; empty where the app proves itself otherwise.
    pub client_secret: SecretString,
    /// What kind of credential the app proves itself with: a client secret where it is not said.
    pub kind: Option<String>,
    /// The cloud, when the technician knows it.
    pub cloud: Option<String>,
    /// How often to sync.
    pub cadence_minutes: Option<u32>,
    /// The day the secret lapses, where the technician entered it: `2027-01-31`.
    pub secret_expires_on: Option<String>,
}

/// The form, checked.
#[derive(Debug)]
pub struct Checked {
    /// What the MSP calls the client.
    pub name: String,
    /// The directory.
    pub tenant_id: TenantId,
    /// The app.
    pub client_id: ClientId,
    /// How the app proves itself.
    pub proof: Proof,
    /// The cloud, when named.
    pub cloud: Option<Cloud>,
    /// How often to sync.
    pub cadence_minutes: u32,
    /// When the secret lapses, where that was entered.
    pub secret_expires_at: Option<Timestamp>,
}

/// How the app proves itself from the beginning.
#[derive(Debug)]
pub enum Proof {
    /// By this client secret.
    Secret(SecretString),
    /// By the certificate that was made for the tenant before.
    Certificate,
    /// By AWS's word.
    Federated,
}

/// What is wrong with one field, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// What happened and what to do next.
    pub detail: String,
}

impl FieldError {
    /// An error of a field.
    pub fn new(field: &'static str, detail: impl Into<String>) -> Self {
        Self {
            field,
            detail: detail.into(),
        }
    }
}

/// Syncs are at least this far apart.
pub const LEAST_CADENCE_MINUTES: u32 = 15;
/// Syncs are at most this far apart: a delta token lives seven days.
pub const MOST_CADENCE_MINUTES: u32 = 7 * 24 * 60 - 60;
/// The cadence where none is chosen.
pub const DEFAULT_CADENCE_MINUTES: u32 = 60;
/// A name's longest length, in characters.
pub const LONGEST_NAME: usize = 120;

impl Form {
    /// Checks every field and names all that are wrong.
    ///
    /// # Errors
    /// One entry for each wrong field.
    pub fn check(self) -> Result<Checked, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = name(&self.name).map_err(|e| errors.push(e)).ok();
        let tenant_id = tenant_id(&self.tenant_id).map_err(|e| errors.push(e)).ok();
        let client_id = guid::<ClientId>("client_id", "Application (client) ID", &self.client_id)
            .map_err(|e| errors.push(e))
            .ok();
        if let (Some(tenant), Some(client)) = (tenant_id, client_id)
            && tenant.uuid() == client.uuid()
        {
            errors.push(FieldError::new("client_id", "The client ID is the same as the tenant ID. The app registration's Overview page shows both: copy each into its own field."));
        }
        let proof = proof(self.kind.as_deref(), &self.client_secret)
            .map_err(|e| errors.push(e))
            .ok();
        let cloud = self
            .cloud
            .as_deref()
            .map(str::trim)
            .filter(|c| !c.is_empty());
        let cloud = cloud.map(str::parse).transpose().map_err(|_| {
            errors.push(FieldError::new("cloud", "Choose one of global, gcc_high, dod and china, or leave it out: Muster finds the tenant's cloud by itself."));
        });
        let cadence_minutes = cadence(self.cadence_minutes.unwrap_or(DEFAULT_CADENCE_MINUTES))
            .map_err(|e| errors.push(e))
            .ok();
        let secret_expires_at = day("secret_expires_on", self.secret_expires_on.as_deref())
            .map_err(|e| errors.push(e))
            .ok()
            .flatten();
        match (name, tenant_id, client_id, proof, cloud, cadence_minutes) {
            (
                Some(name),
                Some(tenant_id),
                Some(client_id),
                Some(proof),
                Ok(cloud),
                Some(cadence_minutes),
            ) if errors.is_empty() => Ok(Checked {
                name,
                tenant_id,
                client_id,
                proof,
                cloud,
                cadence_minutes,
                secret_expires_at,
            }),
            _ => Err(errors),
        }
    }
}

/// Checks an integration's name.
///
/// # Errors
/// When it is empty, too long or holds a character that [`misleads`](crate::setup::misleads).
pub fn name(text: &str) -> Result<String, FieldError> {
    let text = text.trim();
    let wrong = |detail: &str| Err(FieldError::new("name", detail));
    if text.is_empty() {
        wrong("Enter the client's name, as your team calls it.")
    } else if text.chars().count() > LONGEST_NAME {
        wrong("The name is longer than 120 characters. Shorten it.")
    } else if text.chars().any(crate::setup::misleads) {
        wrong(
            "The name holds a line break or another invisible character. Type it by hand, on one line.",
        )
    } else {
        Ok(text.to_owned())
    }
}

/// Checks a Directory (tenant) ID.
///
/// # Errors
/// When it is no GUID.
pub fn tenant_id(text: &str) -> Result<TenantId, FieldError> {
    guid("tenant_id", "Directory (tenant) ID", text)
}

/// Checks a cadence.
///
/// # Errors
/// When it is out of range.
pub fn cadence(minutes: u32) -> Result<u32, FieldError> {
    if (LEAST_CADENCE_MINUTES..=MOST_CADENCE_MINUTES).contains(&minutes) {
        Ok(minutes)
    } else {
        Err(FieldError::new(
            "cadence_minutes",
            format!(
                "Give a whole number of minutes from {LEAST_CADENCE_MINUTES} to {MOST_CADENCE_MINUTES}."
            ),
        ))
    }
}

/// Reads a day that a person may have entered.
///
/// # Errors
/// When it is no day.
pub fn day(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, FieldError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wrong = || {
        FieldError::new(
            field,
            "Give the day as Entra shows it, such as 2027-01-31, or leave it out: Muster asks Entra.",
        )
    };
    let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let at = day.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
    Ok(Some(at.timestamp()))
}

fn guid<T: std::str::FromStr>(
    field: &'static str,
    title: &str,
    text: &str,
) -> Result<T, FieldError> {
    text.parse().map_err(|_| {
        let text = text.trim();
        let detail = if text.is_empty() {
            format!("Paste the {title} from the app registration's Overview page in Entra.")
        } else if text.contains('.') || text.contains('@') {
            format!("This is a domain name or an address; the {title} is a GUID such as 11111111-2222-3333-4444-555555555555. Copy it from the app registration's Overview page.")
        } else {
            format!("The {title} is a GUID such as 11111111-2222-3333-4444-555555555555. Copy it whole from the app registration's Overview page.")
        };
        FieldError::new(field, detail)
    })
}

fn proof(kind: Option<&str>, client_secret: &SecretString) -> Result<Proof, FieldError> {
    let kind = kind.map(str::trim).filter(|kind| !kind.is_empty());
    let kind = kind.map_or(Some(CredentialKind::ClientSecret), CredentialKind::find);
    let other = match kind {
        Some(CredentialKind::ClientSecret) => return secret(client_secret).map(Proof::Secret),
        Some(CredentialKind::Certificate) => Proof::Certificate,
        Some(CredentialKind::Federated) => Proof::Federated,
        None => {
            return Err(FieldError::new(
                "kind",
                "Give client_secret, certificate or federated, or leave it out: it is a client secret then.",
            ));
        }
    };
    if client_secret.expose_secret().trim().is_empty() {
        Ok(other)
    } else {
        Err(FieldError::new(
            "client_secret",
            "Leave the client secret out where the app proves itself otherwise, or choose it as the kind of credential.",
        ))
    }
}

/// Checks a client secret's shape.
///
/// # Errors
/// When it is empty, is a GUID (the Secret ID), or cannot be a secret's Value.
pub fn secret(secret: &SecretString) -> Result<SecretString, FieldError> {
    let text = secret.expose_secret().trim();
    let wrong = |detail: &str| Err(FieldError::new("client_secret", detail));
    if text.is_empty() {
        wrong("Paste the client secret's Value from Certificates & secrets in Entra.")
    } else if ids::is_guid(text) {
        wrong(
            "This is the Secret ID. Copy the Value column instead; it is shown once only, so if it is gone, create a new client secret and paste its Value.",
        )
    } else if text.len() < 16 || text.len() > 256 {
        wrong(
            "A client secret's Value has about 40 characters. Copy it whole from Certificates & secrets in Entra.",
        )
    } else if text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || !c.is_ascii())
    {
        wrong(
            "The secret holds a space or a character that no client secret has. Copy the Value again, alone.",
        )
    } else {
        Ok(SecretString::from(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form {
            name: "Contoso & Søn".into(),
            tenant_id: "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c".into(),
            client_id: "0c5e6f1c-7a0b-4f4a-559c-0a1b2c2f6d8f".into(),
            client_secret: SecretString::from("abc8Q~0123456789012345678901234567890123"),
            kind: None,
            cloud: None,
            cadence_minutes: None,
            secret_expires_on: None,
        }
    }

    fn wrong(change: impl FnOnce(&mut Form)) -> Vec<FieldError> {
        let mut form = form();
        change(&mut form);
        form.check().err().unwrap_or_default()
    }

    #[test]
    fn a_whole_form_is_taken() {
        assert!(form().check().is_ok());
    }

    #[test]
    fn an_app_without_a_secret_gives_none() {
        let checked = |kind: &str, secret: &str| {
            let mut form = form();
            form.kind = Some(kind.into());
            form.client_secret = SecretString::from(secret);
            form.check()
        };
        let proof = |kind| checked(kind, "").map(|checked| checked.proof);
        assert!(matches!(proof("certificate"), Ok(Proof::Certificate)));
        assert!(matches!(proof("federated"), Ok(Proof::Federated)));
        for (kind, secret, field) in [
            (
                "certificate",
                "abc8Q~0123456789012345678901234567890123",
                "client_secret",
            ),
            ("client_secret", "", "client_secret"),
            ("password", "", "kind"),
        ] {
            let errors = checked(kind, secret).err().unwrap_or_default();
            assert_eq!(errors.len(), 1, "{kind}");
            assert_eq!(errors[0].field, field);
        }
    }

    #[test]
    fn the_secret_id_is_named_as_such() {
        let errors =
            wrong(|f| f.client_secret = SecretString::from("9f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"));
        assert_eq!(errors.len(), 1);
        assert!(errors[0].detail.starts_with("This is the Secret ID."));
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let errors = Form::default().check().err().unwrap_or_default();
        let fields: Vec<_> = errors.iter().map(|e| e.field).collect();
        assert_eq!(fields, ["name", "tenant_id", "client_id", "client_secret"]);
        assert_eq!(wrong(|f| f.cloud = Some("mars".into()))[0].field, "cloud");
        assert_eq!(
            wrong(|f| f.cadence_minutes = Some(1))[0].field,
            "cadence_minutes"
        );
        assert_eq!(
            wrong(|f| f.client_id.clone_from(&f.tenant_id))[0].field,
            "client_id"
        );
        assert_eq!(
            wrong(|f| f.tenant_id = "contoso.com".into())[0].field,
            "tenant_id"
        );
    }
}
