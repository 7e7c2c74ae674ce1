//! What each AADSTS code means to the person who connects a client, and what to do next, in the words
//! of Microsoft's own admin center.
//!
//! Meanings: Microsoft, "Microsoft Entra authentication & authorization error codes"; codes that are
//! not on that page from the text that Microsoft's sign-in gives with them. Who may consent:
//! Microsoft, "Grant tenant-wide admin consent to an application"
//! (<https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent>): a Privileged Role
//! Administrator (or a Global Administrator) for any permission; Application Administrators and Cloud
//! Application Administrators for any but application permissions of Microsoft Graph.

use super::{Explanation, Field};

/// The codes of one cause, the field it is about, and the sentence.
type Cause = (&'static [u32], Field, &'static str);

/// What is wrong with the IDs or the credential.
const CREDENTIAL: &[Cause] = &[
    (
        &[7_000_215],
        Field::ClientSecret,
        "Microsoft does not accept this client secret. Most often the Secret ID was pasted: copy the Value column instead. The Value is shown once only, so if it is gone, create a new client secret in Entra under Certificates & secrets and paste its Value.",
    ),
    (
        &[7_000_222],
        Field::ClientSecret,
        "This client secret has expired. Create a new one in Entra under Certificates & secrets and paste its Value.",
    ),
    (
        &[7_000_216, 7_000_218],
        Field::ClientSecret,
        "Microsoft's sign-in service got no client secret, certificate or federated credential with the request. Paste the client secret's Value again; if it stays so, look whether a proxy between Muster and Microsoft changes requests.",
    ),
    (
        &[700_016, 700_011, 70_001],
        Field::ClientId,
        "There is no app with this client ID in that tenant. Check that the Application (client) ID and the Directory (tenant) ID are not swapped, and that the app was registered in this client's tenant, not in your own.",
    ),
    (
        &[7_000_229],
        Field::ClientId,
        "The app is registered in that tenant, but has no enterprise application (service principal) there. In Entra, under App registrations, open the app and, on its Overview page, choose Create service principal; or choose Authorize here, and consent creates it.",
    ),
    (
        &[7_000_112, 1_000_031],
        Field::ClientId,
        "The app is disabled in that tenant. In Entra, under Enterprise applications, open it and set Enabled for users to sign in to Yes.",
    ),
    (
        &[90_002],
        Field::TenantId,
        "Microsoft knows no tenant with this ID. Copy the Directory (tenant) ID from the app registration's Overview page; if the client is in a government or China cloud, choose that cloud.",
    ),
    (
        &[900_023, 90_013],
        Field::TenantId,
        "This is not a tenant ID that Microsoft accepts. Copy the Directory (tenant) ID from the app registration's Overview page.",
    ),
    (
        &[90_038, 900_382, 900_432],
        Field::TenantId,
        "This tenant is in another of Microsoft's clouds than the one that is chosen. Choose its cloud, or leave the choice out.",
    ),
    (
        &[5_000_225],
        Field::TenantId,
        "Microsoft has blocked this tenant because it was inactive for a long time. Its Global Administrator can ask Microsoft support to reactivate it within 20 days of the block; after that it is deleted. If the client has another tenant, connect that one.",
    ),
    (
        &[700_027],
        Field::None,
        "Microsoft could not verify the certificate's signature. Upload Muster's current certificate to the app registration under Certificates & secrets.",
    ),
    (
        &[700_030],
        Field::None,
        "Microsoft does not accept this certificate for the app: its subject is not one that the app trusts, or it is of another of Microsoft's clouds. Upload Muster's current certificate to the app registration under Certificates & secrets, and check that the right cloud is chosen.",
    ),
    (
        &[70_021, 700_213],
        Field::None,
        "No federated credential of the app matches yet. Check issuer, subject and audience; a new one takes a few minutes to be known everywhere.",
    ),
    (
        &[70_011, 1_002_012, 28_002, 28_003],
        Field::None,
        "Microsoft refused the requested scope. Check that the right cloud is chosen for this tenant.",
    ),
    (
        &[500_011, 50_001, 650_057],
        Field::None,
        "Microsoft Graph is not there for this app in the chosen tenant. Check that the right cloud is chosen, and that the Directory (tenant) ID is the client's. If both are right, add Microsoft Graph permissions of type Application to the app registration under API permissions.",
    ),
    (
        &[500_014],
        Field::None,
        "Microsoft Graph is disabled in that tenant: its subscription has lapsed, or an administrator turned Microsoft Graph off. In the Microsoft 365 admin center, look at Billing > Your products; in Entra, under Enterprise applications, open Microsoft Graph and set Enabled for users to sign in to Yes.",
    ),
    (
        &[53_003, 530_032, 53_011],
        Field::None,
        "A Conditional Access policy of that tenant blocked the sign-in. Ask its administrator to exclude this app (workload identity) or this location from the policy.",
    ),
];

/// The reasons why consent is not reached.
const CONSENT: &[Cause] = &[
    (
        &[50_011, 500_112],
        Field::None,
        "The app registration does not list Muster's redirect URI. In Entra, under Authentication, add the web redirect URI that this page shows, exactly.",
    ),
    (
        &[500_113, 900_971],
        Field::None,
        "The app registration lists no redirect URI at all. In Entra, under App registrations, open the app, choose Authentication, add the platform Web, and enter the redirect URI that Muster shows, exactly. Then choose Authorize again.",
    ),
    (
        &[65_001, 650_056],
        Field::None,
        "No administrator has consented to the app yet. Choose Authorize and sign in as a Global Administrator or Privileged Role Administrator of that tenant.",
    ),
    (
        &[super::CANCELLED],
        Field::None,
        "The administrator cancelled the consent. Nothing was changed; choose Authorize to try again.",
    ),
    (
        &[90_094, 90_093],
        Field::None,
        "The account that signed in may not consent for the whole organization. Choose Authorize again and sign in as a Global Administrator or Privileged Role Administrator of the client's tenant; an Application Administrator cannot consent to application permissions of Microsoft Graph.",
    ),
    (
        &[90_095],
        Field::None,
        "The account that signed in may not consent, so Microsoft offered it to ask an administrator. A Global Administrator or Privileged Role Administrator of the client's tenant can approve the request in Entra, under Enterprise applications > Admin consent requests; or choose Authorize again and sign in as one.",
    ),
    (
        &[50_020, 50_034, 50_014, 51_004, 16_000, 16_003, 90_072],
        Field::None,
        "The account that signed in does not belong to this client's tenant. Sign out of Microsoft, or use a private browser window, choose Authorize again, and sign in as a Global Administrator or Privileged Role Administrator of the client's tenant.",
    ),
    (
        &[50_105],
        Field::None,
        "The app admits only people it is assigned to, and the account that signed in is not one of them. In Entra, under Enterprise applications, open the app and set Assignment required to No under Properties, or assign the account under Users and groups. Then choose Authorize again.",
    ),
    (
        &[50_194],
        Field::None,
        "The app is for the accounts of one tenant only, and the sign-in went to another one. Check that the Directory (tenant) ID of this integration is the tenant in which the app is registered, then choose Authorize again.",
    ),
    (
        &[650_051],
        Field::None,
        "Microsoft is still creating the app's enterprise application in that tenant, or holds a deleted one of the same app. Wait a minute, then choose Authorize again. If it stays so, open Enterprise applications in Entra, delete the app there, and choose Authorize once more.",
    ),
    (
        &[650_052, 650_054],
        Field::None,
        "The app asks for permissions of a service that this tenant has not subscribed to or enabled. In Entra, under App registrations > API permissions, remove every permission that Muster does not list, then choose Authorize again.",
    ),
];

/// What passes by itself.
const LOOP: &str = "Microsoft has stopped answering this app for some minutes, because the same sign-in was asked for too often in a short time. It passes by itself. If it comes again, look whether another program signs in with the same app registration, and give each its own.";
const PASSES: &str =
    "Microsoft's sign-in service has trouble that passes by itself. Try again in a few minutes.";

/// Explains a code; one that is not known here is named, with where to look it up.
pub fn explain(code: Option<u32>) -> Explanation {
    let causes = || CREDENTIAL.iter().chain(CONSENT);
    let known = code.and_then(|code| causes().find(|(codes, _, _)| codes.contains(&code)));
    let (field, sentence) = match (code, known) {
        (_, Some((_, field, sentence))) => (*field, (*sentence).to_owned()),
        (Some(super::LOOP_DETECTED), None) => (Field::None, LOOP.to_owned()),
        (Some(code), None) if super::passes(code) => (Field::None, PASSES.to_owned()),
        (Some(code), None) => (
            Field::None,
            format!(
                "Microsoft refused the sign-in with AADSTS{code}. Look the code up at https://login.microsoftonline.com/error?code={code}."
            ),
        ),
        (None, None) => (
            Field::None,
            "Microsoft's sign-in service refused without saying why. Try again in a few minutes."
                .to_owned(),
        ),
    };
    Explanation { field, sentence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Codes that are met while a client is connected, read or consented to.
    const MET: [u32; 30] = [
        7_000_215, 7_000_222, 7_000_216, 7_000_229, 7_000_112, 700_016, 700_027, 700_030, 70_021,
        70_011, 90_002, 900_023, 500_011, 500_014, 5_000_225, 53_003, 50_011, 500_113, 65_001,
        650_056, 65_004, 90_094, 90_095, 50_020, 50_034, 50_105, 50_194, 650_051, 650_052, 50_196,
    ];

    #[test]
    fn every_code_a_technician_meets_is_explained() {
        for code in MET.into_iter().chain([90_033]) {
            let said = explain(Some(code)).sentence;
            assert!(!said.contains("AADSTS"), "{code}: {said}");
            assert!(said.split(". ").count() > 1, "no next step for {code}");
        }
    }

    #[test]
    fn a_loop_is_told_with_its_cause_and_what_passes_by_itself_as_such() {
        for code in [50_196, 90_033, 90_024] {
            let said = explain(Some(code)).sentence;
            assert!(said.contains("passes by itself"), "{code}: {said}");
            let another = said.contains("another program signs in with the same app");
            assert_eq!(another, code == 50_196, "{code}: {said}");
        }
    }

    #[test]
    fn each_code_has_one_cause() {
        let mut seen = HashSet::new();
        for code in CREDENTIAL
            .iter()
            .chain(CONSENT)
            .flat_map(|(codes, ..)| *codes)
        {
            assert!(seen.insert(code), "{code} is explained twice");
            assert!(!super::super::passes(*code), "{code} passes by itself");
        }
    }

    #[test]
    fn who_may_consent_is_said_where_consent_was_refused() {
        for code in [65_001, 90_094, 90_095, 50_020, 50_034] {
            let said = explain(Some(code)).sentence;
            let both = "Global Administrator or Privileged Role Administrator";
            assert!(said.contains(both), "{code}: {said}");
        }
    }

    #[test]
    fn an_unknown_code_is_named_with_where_to_look_it_up() {
        let said = explain(Some(123_456)).sentence;
        assert!(said.contains("AADSTS123456"));
        assert!(said.contains("https://login.microsoftonline.com/error?code=123456"));
        assert!(explain(None).sentence.contains("without saying why"));
    }
}
