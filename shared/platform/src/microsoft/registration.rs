//! The app's own registration: read, and given or relieved of a client secret.
//!
//! Microsoft Graph v1.0, "application: addPassword" and "removePassword", which
//! `Application.ReadWrite.OwnedBy` allows an app on registrations that its service principal owns.

use super::{Microsoft, wire_trouble};
use jiff::Timestamp;
use muster_domain::{
    ClientId, cloud::Hosts, datasets::applications::APPLICATIONS, fault::Fault, http_status,
    lossy_json,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

/// The registration, as far as credentials go.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its object id, which is not the client id.
    pub object_id: String,
    /// `passwordCredentials`.
    pub passwords: Value,
    /// `keyCredentials`.
    pub keys: Value,
}

impl Registration {
    /// The ids and hints of the secrets of this name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (String, String)> + 'a {
        let entries = self.passwords.as_array().into_iter().flatten();
        entries.filter_map(move |entry| {
            let text = |member: &str| entry.get(member)?.as_str().map(str::to_owned);
            (text("displayName")? == name)
                .then(|| Some((text("keyId")?, text("hint").unwrap_or_default())))?
        })
    }

    /// The ids of the secrets whose names begin so.
    pub fn made_by(&self, whom: &str) -> Vec<String> {
        let entries = self.passwords.as_array().into_iter().flatten();
        let named = entries.filter(|entry| {
            let name = entry["displayName"].as_str();
            name.is_some_and(|name| name.starts_with(whom))
        });
        named
            .filter_map(|entry| entry["keyId"].as_str().map(str::to_owned))
            .collect()
    }

    /// Whether it lists a secret that begins so; `None` where some have no hint, and may.
    pub fn has_hint(&self, hint: &str) -> Option<bool> {
        let entries = self.passwords.as_array()?;
        let hints = || {
            let hints = entries.iter().map(|entry| entry["hint"].as_str());
            hints.map(|hint| hint.filter(|hint| !hint.is_empty()))
        };
        if hints().any(|listed| listed == Some(hint)) {
            return Some(true);
        }
        hints().all(|listed| listed.is_some()).then_some(false)
    }
}

/// A new secret.
#[derive(Debug, Clone)]
pub struct NewPassword {
    /// Entra's id of it.
    pub key_id: String,
    /// Its Value, told once.
    pub secret: SecretString,
    /// When it lapses.
    pub expires_at: Option<Timestamp>,
}

/// Why there is no new secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// The app may not: the permission is missing, or its service principal does not own it.
    #[error("not allowed")]
    NotAllowed,
    /// The tenant's policy allows no new secrets.
    #[error("the tenant's policy forbids secrets")]
    PolicyForbids,
    /// The tenant's policy allows only shorter lives.
    #[error("the tenant's policy allows only shorter lives")]
    PolicyShortens,
    /// Microsoft asks to wait, or has trouble that passes by itself; in words.
    #[error("Microsoft Graph has trouble that passes by itself: {0}")]
    Passing(&'static str),
    /// Anything else.
    #[error("Microsoft Graph did not do it: {0}")]
    Other(String),
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "keyId")]
    key_id: String,
    #[serde(rename = "secretText")]
    secret: SecretString,
    #[serde(rename = "endDateTime")]
    expires_at: Option<String>,
}

/// An answer is a few hundred bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

impl Microsoft {
    /// The app's own registration; `None` where the directory does not show it.
    ///
    /// # Errors
    /// What kept Graph from answering.
    pub async fn registration(
        &self,
        hosts: &Hosts,
        client: ClientId,
        bearer: &SecretString,
    ) -> Result<Option<Registration>, Fault> {
        let url = hosts.graph(&APPLICATIONS.first_request(client));
        let answer = self.get(&APPLICATIONS, url, bearer).await?;
        let body: Value = lossy_json::from_slice(&answer.body)
            .map_err(|_| Fault::Passing("an answer that is no JSON".to_owned()))?;
        let client = client.to_string();
        let own = body["value"].as_array().into_iter().flatten().find(|app| {
            let id = app["appId"].as_str();
            id.is_some_and(|id| id.eq_ignore_ascii_case(&client))
        });
        Ok(own.and_then(|app| {
            Some(Registration {
                object_id: app["id"].as_str()?.to_owned(),
                passwords: app["passwordCredentials"].clone(),
                keys: app["keyCredentials"].clone(),
            })
        }))
    }

    /// Adds a client secret to the app's own registration.
    ///
    /// # Errors
    /// When Graph refuses or does not answer.
    pub async fn add_password(
        &self,
        hosts: &Hosts,
        object_id: &str,
        (name, expires_at): (&str, Timestamp),
        bearer: &SecretString,
    ) -> Result<NewPassword, PasswordRefusal> {
        let ask = json!({"passwordCredential": {"displayName": name, "endDateTime": expires_at.to_string()}});
        let body = self
            .act(hosts, object_id, "addPassword", &ask, bearer)
            .await?;
        let created: Created = serde_json::from_slice(&body)
            .map_err(|_| PasswordRefusal::Other("an answer that cannot be read".to_owned()))?;
        Ok(NewPassword {
            key_id: created.key_id,
            secret: created.secret,
            expires_at: created.expires_at.and_then(|text| text.parse().ok()),
        })
    }

    /// Removes a client secret from the app's own registration; one that is gone already is
    /// removed.
    ///
    /// # Errors
    /// When Graph refuses or does not answer.
    pub async fn remove_password(
        &self,
        hosts: &Hosts,
        object_id: &str,
        key_id: &str,
        bearer: &SecretString,
    ) -> Result<(), PasswordRefusal> {
        let ask = json!({"keyId": key_id});
        match self
            .act(hosts, object_id, "removePassword", &ask, bearer)
            .await
        {
            Ok(_) => Ok(()),
            Err(PasswordRefusal::Other(why)) if why.contains("No password credential") => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn act(
        &self,
        hosts: &Hosts,
        object_id: &str,
        action: &str,
        ask: &Value,
        bearer: &SecretString,
    ) -> Result<Vec<u8>, PasswordRefusal> {
        let other = |why: String| PasswordRefusal::Other(why);
        let url = hosts.graph(&format!("/v1.0/applications/{object_id}/{action}"));
        let broken = |e: reqwest::Error| other(wire_trouble(&e).to_owned());
        let http = self.http.client().map_err(broken)?;
        let request = http.post(url).bearer_auth(bearer.expose_secret());
        let mut response = request.json(ask).send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(other("an answer too large to read".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let error: Value = serde_json::from_slice(&body).unwrap_or_default();
        let code = error["error"]["code"].as_str().unwrap_or_default();
        // Microsoft's sentence, of which only the one that matters here is told on.
        let gone = error["error"]["message"]
            .as_str()
            .is_some_and(|message| message.contains("No password credential"));
        Err(match (status, code) {
            (_, "CredentialTypeNotAllowedAsPerAppPolicy") => PasswordRefusal::PolicyForbids,
            (_, "CredentialInvalidLifetimeAsPerAppPolicy") => PasswordRefusal::PolicyShortens,
            (403, _) => PasswordRefusal::NotAllowed,
            _ if gone => other("No password credential of that id".to_owned()),
            (408 | 429 | 500.., _) => PasswordRefusal::Passing(http_status::in_words(status)),
            (_, "") => other(http_status::in_words(status).to_owned()),
            _ => other(format!("{}, {code}", http_status::in_words(status))),
        })
    }
}
