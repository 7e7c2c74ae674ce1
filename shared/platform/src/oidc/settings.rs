//! Which issuer is trusted, as whom Muster is known to it, and whom it names manager or viewer.

use crate::{services::SettingError, session::Role};
use serde_json::{Map, Value};
use std::{fmt, str::FromStr};
use url::{Host, Url};

/// An issuer's identifier, kept as it was written: it is compared by the character (OpenID Connect
/// Discovery 1.0, 4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    url: Url,
}

/// Who signs people in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer, such as `https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab1Cd2Ef3`
    /// or `https://login.microsoftonline.com/<directory id>/v2.0`.
    pub issuer: Issuer,
    /// The client ID of this installation there.
    pub client_id: String,
    /// The claim that tells the role: a text, or a list of texts.
    pub role_claim: String,
    /// What the claim holds for a manager.
    pub manager_value: String,
    /// What the claim holds for a viewer.
    pub viewer_value: String,
    /// Where one signs out of Amazon Cognito, `https://<domain>/logout`: its discovery does not
    /// name it.
    /// <https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html>
    pub logout_url: Option<Url>,
}

/// Why a setting is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadIssuer {
    /// It is no URL.
    #[error("it is no URL")]
    NoUrl,
    /// Tokens and keys would travel in the clear.
    #[error("it must begin with https://")]
    NotHttps,
    /// An identifier has no query, fragment or user (OpenID Connect Discovery 1.0, 3).
    #[error("it must have no query, fragment or user")]
    Extra,
}

impl FromStr for Issuer {
    type Err = BadIssuer;

    fn from_str(text: &str) -> Result<Self, BadIssuer> {
        let url: Url = text.parse().map_err(|_| BadIssuer::NoUrl)?;
        if !is_private(&url) {
            return Err(BadIssuer::NotHttps);
        }
        let extra = url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        if extra {
            return Err(BadIssuer::Extra);
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Issuer {
    /// The identifier, as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, which is what a person knows it by.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Where its discovery document is (OpenID Connect Discovery 1.0, 4).
    pub(super) fn discovery(&self) -> String {
        let base = self.text.trim_end_matches('/');
        format!("{base}/.well-known/openid-configuration")
    }
}

/// Whether nobody on the way reads along: TLS, or a way that does not leave the machine.
pub(super) fn is_private(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

const ISSUER: &str = "OIDC_ISSUER";
const CLIENT_ID: &str = "OIDC_CLIENT_ID";
const ROLE_CLAIM: &str = "OIDC_ROLE_CLAIM";
const MANAGER_VALUE: &str = "OIDC_MANAGER_VALUE";
const VIEWER_VALUE: &str = "OIDC_VIEWER_VALUE";
const LOGOUT_URL: &str = "OIDC_LOGOUT_URL";

impl Settings {
    /// This client of this issuer, with roles as Amazon Cognito tells groups.
    /// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-user-groups.html>
    pub fn new(issuer: Issuer, client_id: String) -> Self {
        Self {
            issuer,
            client_id,
            role_claim: "cognito:groups".to_owned(),
            manager_value: "manager".to_owned(),
            viewer_value: "viewer".to_owned(),
            logout_url: None,
        }
    }

    /// Reads `OIDC_ISSUER` and `OIDC_CLIENT_ID`, and where they are set `OIDC_ROLE_CLAIM`,
    /// `OIDC_MANAGER_VALUE`, `OIDC_VIEWER_VALUE` and `OIDC_LOGOUT_URL`.
    ///
    /// # Errors
    /// When one is missing or wrong.
    pub fn from_env() -> Result<Self, SettingError> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let set = |name| variable(name).filter(|text| !text.is_empty());
        let needed = |name| set(name).ok_or(SettingError::Missing(name));
        let issuer = needed(ISSUER)?
            .parse()
            .map_err(|e: BadIssuer| SettingError::Wrong(ISSUER, e.to_string()))?;
        let mut settings = Self::new(issuer, needed(CLIENT_ID)?);
        for (name, field) in [
            (ROLE_CLAIM, &mut settings.role_claim),
            (MANAGER_VALUE, &mut settings.manager_value),
            (VIEWER_VALUE, &mut settings.viewer_value),
        ] {
            if let Some(text) = set(name) {
                *field = text;
            }
        }
        // A scope says what a program may do for a person, not who the person is.
        if matches!(settings.role_claim.as_str(), "scp" | "scope") {
            let why = "scopes tell no role; name the claim of groups or app roles";
            return Err(SettingError::Wrong(ROLE_CLAIM, why.to_owned()));
        }
        if settings.manager_value == settings.viewer_value {
            let why = "it is the same as OIDC_MANAGER_VALUE, so that every viewer would manage";
            return Err(SettingError::Wrong(VIEWER_VALUE, why.to_owned()));
        }
        settings.logout_url = set(LOGOUT_URL)
            .map(|text| match text.parse::<Url>() {
                Ok(url) if is_private(&url) => Ok(url),
                _ => Err(SettingError::Wrong(
                    LOGOUT_URL,
                    "it must be an https:// URL".to_owned(),
                )),
            })
            .transpose()?;
        Ok(settings)
    }

    /// The role that claims tell; the larger one where they tell both.
    pub fn role(&self, claims: &Map<String, Value>) -> Option<Role> {
        let values: Vec<&str> = match claims.get(&self.role_claim)? {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        if values.contains(&self.manager_value.as_str()) {
            Some(Role::Manager)
        } else if values.contains(&self.viewer_value.as_str()) {
            Some(Role::Viewer)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings() -> Settings {
        let issuer = "https://issuer.example/pool".parse().expect("an issuer");
        Settings::new(issuer, "client".to_owned())
    }

    #[test]
    fn an_issuer_is_https_or_on_this_machine() {
        for good in [
            "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
            "http://127.0.0.1:8080",
            "http://localhost:8080/realm",
            "http://[::1]:1",
        ] {
            assert_eq!(good.parse::<Issuer>().expect(good).as_str(), good);
        }
        for (bad, why) in [
            ("issuer.example", BadIssuer::NoUrl),
            ("http://issuer.example", BadIssuer::NotHttps),
            ("http://localhost.evil.example", BadIssuer::NotHttps),
            ("ftp://127.0.0.1", BadIssuer::NotHttps),
            ("https://issuer.example/?a=b", BadIssuer::Extra),
            ("https://user@issuer.example", BadIssuer::Extra),
        ] {
            assert_eq!(bad.parse::<Issuer>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_slash_at_the_end_is_part_of_the_name_and_not_of_the_way() {
        let issuer: Issuer = "https://issuer.example/".parse().expect("an issuer");
        assert_eq!(issuer.as_str(), "https://issuer.example/");
        assert_eq!(
            issuer.discovery(),
            "https://issuer.example/.well-known/openid-configuration"
        );
    }

    #[test]
    fn a_role_is_a_value_of_its_own() {
        let settings = settings();
        let role = |claim: Value| {
            let claims = json!({"cognito:groups": claim, "scope": "manager", "scp": "manager"});
            settings.role(claims.as_object().expect("an object"))
        };
        assert_eq!(role(json!(["viewer", "manager"])), Some(Role::Manager));
        assert_eq!(role(json!("viewer")), Some(Role::Viewer));
        for none in [
            json!(null),
            json!("manager viewer"),
            json!(["Manager", "managers"]),
            json!({"manager": true}),
            json!([["manager"]]),
        ] {
            assert_eq!(role(none.clone()), None, "{none}");
        }
        assert_eq!(settings.role(&Map::new()), None);
    }

    #[test]
    fn the_environment_names_what_is_missing_or_wrong() {
        let with = |changed: &'static str, value: &'static str| {
            Settings::read(move |name| match name {
                name if name == changed => Some(value.to_owned()),
                ISSUER => Some("https://issuer.example".to_owned()),
                CLIENT_ID => Some("client".to_owned()),
                _ => None,
            })
        };
        let read = with(ROLE_CLAIM, "roles").expect("good");
        assert_eq!((read.role_claim.as_str(), read.logout_url), ("roles", None));
        let read = with(LOGOUT_URL, "https://muster.auth.example/logout").expect("good");
        assert!(read.logout_url.is_some());
        for (name, value) in [
            (ISSUER, ""),
            (ISSUER, "http://issuer.example"),
            (CLIENT_ID, ""),
            (ROLE_CLAIM, "scope"),
            (VIEWER_VALUE, "manager"),
            (LOGOUT_URL, "http://issuer.example/logout"),
        ] {
            let error = with(name, value).expect_err("refused");
            assert!(error.to_string().contains(name), "{name}: {error}");
        }
    }
}
