//! Client assertions: a JWT signed with a registered certificate's key, or one of an identity
//! provider that a federated credential names.
//!
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>,
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use std::sync::PoisonError;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::aadsts::Aadsts;
use crate::tenant::State;

/// Takes an assertion, or refuses it.
pub fn check(
    state: &State,
    client_id: &str,
    assertion: &str,
    endpoint: &str,
    now: i64,
) -> Result<(), Aadsts> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let (Some(header), Some(claims)) = (json(parts.first()), json(parts.get(1))) else {
        let message = "The certificate with identifier used to sign the client assertion is not \
                       registered on application. [Reason - The key was not found.]";
        return refuse(700_027, message, now);
    };
    if claims["exp"].as_i64().is_none_or(|end| end <= now) || claims["nbf"].as_i64() > Some(now) {
        let message = "Client assertion is not within its valid time range.";
        return refuse(700_024, message, now);
    }
    if claims["iss"].as_str() == Some(client_id) {
        by_certificate(state, &header, &claims, &parts, endpoint, now)?;
    } else {
        by_federation(state, &claims, now)?;
    }
    if !state.app_enabled {
        let message = format!("Application '{client_id}'(Inventory) is disabled.");
        return Err(Aadsts::new(
            400,
            "unauthorized_client",
            7_000_112,
            message,
            now,
        ));
    }
    Ok(())
}

fn by_certificate(
    state: &State,
    header: &Value,
    claims: &Value,
    parts: &[&str],
    endpoint: &str,
    now: i64,
) -> Result<(), Aadsts> {
    let digest = |der: &[u8]| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        URL_SAFE_NO_PAD.encode(digest)
    };
    let known = state.certificates.iter().find(|certificate| {
        certificate.known_from <= now && header["x5t#S256"] == digest(&certificate.der)
    });
    let Some(known) = known else {
        let message = "The certificate with identifier used to sign the client assertion is not \
                       registered on application. [Reason - The key was not found.]";
        return refuse(700_027, message, now);
    };
    let signed = format!("{}.{}", parts[0], parts[1]);
    let signature = parts.get(2).and_then(|s| URL_SAFE_NO_PAD.decode(s).ok());
    let der = known.der.as_slice().into();
    let proven = webpki::EndEntityCert::try_from(&der).is_ok_and(|certificate| {
        let algorithm = webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY;
        certificate
            .verify_signature(algorithm, signed.as_bytes(), &signature.unwrap_or_default())
            .is_ok()
    });
    if header["alg"] != "PS256" || !proven {
        let message = "Client assertion failed signature validation.";
        return refuse(700_027, message, now);
    }
    if claims["aud"].as_str() != Some(endpoint) || claims["sub"] != claims["iss"] {
        let message = "Client assertion audience or subject is not as expected.";
        return refuse(700_021, message, now);
    }
    if claims["jti"].as_str().is_none_or(str::is_empty) {
        return refuse(50_027, "The client assertion has no jti.", now);
    }
    let used = claims["jti"].as_str().unwrap_or_default().to_owned();
    let mut seen = state
        .assertions
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if !seen.insert(used) {
        return refuse(50_027, "The client assertion was used before.", now);
    }
    if known.end <= now {
        let message = "The certificate used to sign the client assertion has expired. [Reason - The \
                       key used is expired.]";
        return refuse(700_027, message, now);
    }
    Ok(())
}

fn by_federation(state: &State, claims: &Value, now: i64) -> Result<(), Aadsts> {
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let (issuer, subject, audience) = (text("iss"), text("sub"), text("aud"));
    let found = state.federated.iter().any(|known| {
        known.known_from <= now
            && (known.issuer == issuer)
            && (known.subject == subject)
            && (known.audience == audience)
    });
    if found {
        return Ok(());
    }
    let message = format!(
        "No matching federated identity record found for presented assertion. Assertion Issuer: \
         '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'."
    );
    Err(Aadsts::new(401, "invalid_client", 70_021, message, now))
}

fn json(part: Option<&&str>) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part?).ok()?).ok()
}

fn refuse(code: u32, message: &str, now: i64) -> Result<(), Aadsts> {
    Err(Aadsts::new(
        401,
        "invalid_client",
        code,
        message.to_owned(),
        now,
    ))
}
