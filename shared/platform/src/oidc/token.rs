//! Whether a token is the issuer's, in force, and meant for us. Nothing is fetched and no clock is
//! read here.

use super::settings::Settings;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// What a token says.
pub(super) type Claims = Map<String, Value>;

/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY: i64 = 60;

/// Why a token proves nothing. None of its content is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// It is no signed token that can be read.
    #[error("the token cannot be read")]
    Unreadable,
    /// It is signed by another algorithm than RS256, PS256 or ES256, or not at all.
    #[error("the token is not signed by an algorithm that is trusted")]
    Algorithm,
    /// The issuer publishes no such key.
    #[error("the token is signed with a key that the issuer does not publish")]
    UnknownKey,
    /// The signature is not its key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// Somebody else issued it.
    #[error("the token is another issuer's")]
    Issuer,
    /// It is meant for somebody else.
    #[error("the token is not meant for this installation")]
    Audience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not yet in force")]
    NotYet,
    /// It answers another request than ours.
    #[error("the token does not belong to this sign-in")]
    Nonce,
    /// It names no person.
    #[error("the token names nobody")]
    Subject,
}

/// The issuer's published keys (RFC 7517).
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Jwk>);

/// What of a token is looked at before its key is: enough to tell junk without asking anybody.
#[derive(Debug)]
pub(super) struct Outline {
    algorithm: Algorithm,
    kid: Option<String>,
}

impl Keys {
    /// Reads a JWK set; keys of kinds that are not known are left out (RFC 7517, 5).
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(body).ok()?;
        let keys = set.keys.into_iter();
        Some(Self(
            keys.filter_map(|key| serde_json::from_value(key).ok())
                .collect(),
        ))
    }

    /// The key that a token names; without a name, the only one that could be meant (OpenID
    /// Connect Core 1.0, 10.1).
    fn find(&self, outline: &Outline) -> Option<DecodingKey> {
        let mut fit = self.0.iter().filter(|key| {
            fits(key, outline.algorithm)
                && (outline.kid.is_none() || outline.kid == key.common.key_id)
        });
        let found = fit.next()?;
        if outline.kid.is_none() && fit.next().is_some() {
            return None;
        }
        DecodingKey::from_jwk(found).ok()
    }

    /// Whether there is the key that a token names.
    pub(super) fn has(&self, outline: &Outline) -> bool {
        self.find(outline).is_some()
    }

    /// The claims of a token, once its signature is proven.
    pub(super) fn prove(&self, outline: &Outline, token: &str) -> Result<Claims, NotProven> {
        let key = self.find(outline).ok_or(NotProven::UnknownKey)?;
        let mut validation = Validation::new(outline.algorithm);
        // The claims are checked below, against a clock that is an argument.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims = HashSet::new();
        decode(token, &key, &validation)
            .map(|proven| proven.claims)
            .map_err(|_| NotProven::Signature)
    }
}

/// Whether a key is one for signatures of this algorithm.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(algorithm, Algorithm::RS256 | Algorithm::PS256),
        AlgorithmParameters::EllipticCurve(parameters) => {
            algorithm == Algorithm::ES256 && parameters.curve == EllipticCurve::P256
        }
        _ => false,
    };
    let named = match key.common.key_algorithm {
        None => true,
        Some(KeyAlgorithm::RS256) => algorithm == Algorithm::RS256,
        Some(KeyAlgorithm::PS256) => algorithm == Algorithm::PS256,
        Some(KeyAlgorithm::ES256) => algorithm == Algorithm::ES256,
        Some(_) => false,
    };
    let signs = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    kind && named && signs
}

impl Outline {
    /// Looks a token over.
    pub(super) fn read(token: &str, settings: &Settings) -> Result<Self, NotProven> {
        let header = decode_header(token).map_err(|_| match names_an_algorithm(token) {
            true => NotProven::Algorithm,
            false => NotProven::Unreadable,
        })?;
        let trusted = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256];
        if !trusted.contains(&header.alg) {
            return Err(NotProven::Algorithm);
        }
        // What must be understood and is not (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(NotProven::Unreadable);
        }
        let claims = part(token, 1).ok_or(NotProven::Unreadable)?;
        if claims.get("iss").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
            return Err(NotProven::Issuer);
        }
        Ok(Self {
            algorithm: header.alg,
            kid: header.kid,
        })
    }
}

/// Whether it is a token but for its algorithm, `none` for instance.
fn names_an_algorithm(token: &str) -> bool {
    part(token, 0).is_some_and(|header| header.get("alg").is_some_and(Value::is_string))
}

fn part(token: &str, place: usize) -> Option<Map<String, Value>> {
    let part = token.split('.').nth(place)?;
    let part = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&part).ok()
}

/// Checks an ID token's claims (OpenID Connect Core 1.0, 3.1.3.7).
pub(super) fn check_id_token(
    claims: &Claims,
    settings: &Settings,
    nonce: &str,
    now: Timestamp,
) -> Result<(), NotProven> {
    check_always(claims, settings, now)?;
    let audiences = audiences(claims);
    let party = claims.get("azp");
    let ours = |value: &Value| value.as_str() == Some(settings.client_id.as_str());
    if !audiences.contains(&settings.client_id.as_str())
        || party.is_some_and(|party| !ours(party))
        || (audiences.len() > 1 && party.is_none())
    {
        return Err(NotProven::Audience);
    }
    // Cognito tells its kinds of token apart; an access token proves no sign-in.
    if claims.get("token_use").is_some_and(|kind| kind != "id") {
        return Err(NotProven::Audience);
    }
    if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
        return Err(NotProven::Nonce);
    }
    Ok(())
}

/// Checks an access token's claims: that it was minted for this installation. Its `aud` is the
/// client ID or, by Microsoft Entra ID, `api://<client ID>`
/// (<https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>). Amazon
/// Cognito's has a `client_id` instead
/// (<https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>).
pub(super) fn check_access_token(
    claims: &Claims,
    settings: &Settings,
    now: Timestamp,
) -> Result<(), NotProven> {
    check_always(claims, settings, now)?;
    let client_id = settings.client_id.as_str();
    let kind = claims.get("token_use").map(Value::as_str);
    if kind.is_some_and(|kind| kind != Some("access")) || is_id_token(claims) {
        return Err(NotProven::Audience);
    }
    let audiences = audiences(claims);
    let by_audience = audiences.iter().any(|audience| {
        *audience == client_id || audience.strip_prefix("api://") == Some(client_id)
    });
    let by_client = !claims.contains_key("aud")
        && kind.is_some()
        && claims.get("client_id").and_then(Value::as_str) == Some(client_id);
    if by_audience || by_client {
        Ok(())
    } else {
        Err(NotProven::Audience)
    }
}

/// Returns true for claims that ID tokens alone carry (OpenID Connect Core 1.0, 3.1.3.6 and 15.5.2): every
/// sign-in here asks for one with a nonce.
fn is_id_token(claims: &Claims) -> bool {
    ["nonce", "at_hash", "c_hash"]
        .iter()
        .any(|name| claims.contains_key(*name))
}

fn check_always(claims: &Claims, settings: &Settings, now: Timestamp) -> Result<(), NotProven> {
    if claims.get("iss").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
        return Err(NotProven::Issuer);
    }
    let now = now.as_second();
    let expires = claims.get("exp").and_then(seconds);
    if expires.ok_or(NotProven::Unreadable)? <= now.saturating_sub(LEEWAY) {
        return Err(NotProven::Expired);
    }
    if let Some(begins) = claims.get("nbf")
        && seconds(begins).ok_or(NotProven::Unreadable)? > now.saturating_add(LEEWAY)
    {
        return Err(NotProven::NotYet);
    }
    match claims.get("sub").and_then(Value::as_str) {
        None | Some("") => Err(NotProven::Subject),
        Some(_) => Ok(()),
    }
}

/// A NumericDate, which may have a fraction (RFC 7519, 2).
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let seconds = value.as_f64().filter(|n| n.abs() < 9e15)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction of a second is let go, and the range was looked at"
        )]
        Some(seconds as i64)
    })
}

fn audiences(claims: &Claims) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// What a person is known by at the issuer, for their own eyes.
pub(super) fn name(claims: &Claims) -> String {
    [
        "email",
        "preferred_username",
        "username",
        "cognito:username",
        "name",
        "sub",
    ]
    .into_iter()
    .filter_map(|claim| claims.get(claim)?.as_str())
    .find(|text| !text.is_empty())
    .unwrap_or_default()
    .to_owned()
}
