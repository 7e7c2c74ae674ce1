//! Microsoft's sign-in errors, explained: which field, what happened, what to do next.
//!
//! Codes: Microsoft, "Microsoft Entra authentication & authorization error codes". They are for
//! the help text; control flow goes by the OAuth `error` (RFC 6749, 5.2).

use serde::Deserialize;

/// The body of a refused token or discovery request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct SignInError {
    /// The OAuth error: `invalid_client`, `unauthorized_client` …
    #[serde(default)]
    pub error: String,
    /// The numbers; absent from older answers.
    #[serde(default)]
    pub error_codes: Vec<u32>,
    /// For people. Not repeated to them: it holds trace ids and, at times, identifiers.
    #[serde(default)]
    pub error_description: String,
}

impl SignInError {
    /// Reads a body; anything unreadable is an error without a code.
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The first code, from the list or else from the description's `AADSTS…`.
    pub fn code(&self) -> Option<u32> {
        self.error_codes
            .first()
            .copied()
            .or_else(|| code_in(&self.error_description))
    }
}

/// The code that a text such as `AADSTS65004: …` begins with or holds.
pub fn code_in(text: &str) -> Option<u32> {
    let (_, after) = text.split_once("AADSTS")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The form field that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Directory (tenant) ID.
    TenantId,
    /// Application (client) ID.
    ClientId,
    /// Client secret.
    ClientSecret,
    /// None of them.
    None,
}

/// What a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The field it is about.
    pub field: Field,
    /// What happened and what to do next.
    pub sentence: String,
}

/// Explains a code; one that is not known here is named, with where to look it up.
pub fn explain(code: Option<u32>) -> Explanation {
    let (field, sentence) = match code {
        Some(7_000_215) => (
            Field::ClientSecret,
            "Microsoft does not accept this client secret. Most often the Secret ID was pasted: copy the Value column instead. The Value is shown once only, so if it is gone, create a new client secret in Entra under Certificates & secrets and paste its Value.",
        ),
        Some(7_000_222) => (
            Field::ClientSecret,
            "This client secret has expired. Create a new one in Entra under Certificates & secrets and paste its Value.",
        ),
        Some(700_016) => (
            Field::ClientId,
            "There is no app with this client ID in that tenant. Check that the Application (client) ID and the Directory (tenant) ID are not swapped, and that the app was registered in this client's tenant, not in your own.",
        ),
        Some(90_002) => (
            Field::TenantId,
            "Microsoft knows no tenant with this ID. Copy the Directory (tenant) ID from the app registration's Overview page; if the client is in a government or China cloud, choose that cloud.",
        ),
        Some(900_023) => (
            Field::TenantId,
            "This is not a tenant ID that Microsoft accepts. Copy the Directory (tenant) ID from the app registration's Overview page.",
        ),
        Some(7_000_112) => (
            Field::ClientId,
            "The app is disabled in that tenant. In Entra, under Enterprise applications, open it and set Enabled for users to sign in to Yes.",
        ),
        Some(50_011) => (
            Field::None,
            "The app registration does not list Muster's redirect URI. In Entra, under Authentication, add the web redirect URI that this page shows, exactly.",
        ),
        Some(65_001 | 650_056) => (
            Field::None,
            "No administrator has consented to the app yet. Choose Authorize and sign in as an administrator of that tenant.",
        ),
        Some(65_004) => (
            Field::None,
            "The administrator cancelled the consent. Nothing was changed; choose Authorize to try again.",
        ),
        Some(53_003) => (
            Field::None,
            "A Conditional Access policy of that tenant blocked the sign-in. Ask its administrator to exclude this app (workload identity) or this location from the policy.",
        ),
        Some(700_027) => (
            Field::None,
            "Microsoft could not verify the certificate's signature. Upload Muster's current certificate to the app registration under Certificates & secrets.",
        ),
        Some(70_021) => (
            Field::None,
            "No federated credential of the app matches yet. Check issuer, subject and audience; a new one takes a few minutes to be known everywhere.",
        ),
        Some(70_011 | 1_002_012) => (
            Field::None,
            "Microsoft refused the requested scope. Check that the right cloud is chosen for this tenant.",
        ),
        Some(code) => {
            return Explanation {
                field: Field::None,
                sentence: format!(
                    "Microsoft refused the sign-in with AADSTS{code}. Look the code up at https://login.microsoftonline.com/error?code={code}."
                ),
            };
        }
        None => (
            Field::None,
            "Microsoft's sign-in service refused without saying why. Try again in a few minutes.",
        ),
    };
    Explanation {
        field,
        sentence: sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_comes_from_the_list_or_else_from_the_description() {
        let listed = SignInError::read(br#"{"error":"invalid_client","error_codes":[7000215]}"#);
        assert_eq!(listed.code(), Some(7_000_215));
        let described = SignInError::read(br#"{"error_description":"AADSTS65004: cancelled"}"#);
        assert_eq!(described.code(), Some(65_004));
        assert_eq!(SignInError::read(b"<html>").code(), None);
    }

    #[test]
    fn every_code_a_technician_meets_is_explained() {
        for code in [
            7_000_215, 7_000_222, 700_016, 90_002, 7_000_112, 50_011, 65_001, 650_056, 65_004,
            53_003, 700_027, 70_021,
        ] {
            let said = explain(Some(code)).sentence;
            assert!(!said.contains("AADSTS"), "{code}: {said}");
        }
        assert!(explain(Some(1)).sentence.contains("AADSTS1"));
    }
}
