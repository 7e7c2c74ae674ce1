//! Reads refusals as they come: in any casing, with any quotes, nested, and as HTML.

use muster_domain::{
    Dataset, datasets,
    fault::{Fault, classify},
    trouble::{Cause, PERSISTS, Repeated, sentence},
    verdict::Licence,
};
use std::time::Duration;

fn of(name: &str, status: u16, body: &str) -> Fault {
    let dataset: &'static Dataset = datasets::find(name).expect("it is registered");
    let now = "2026-01-01T00:00:00Z".parse().expect("a date");
    classify(dataset, status, None, body.as_bytes(), now)
}

fn error(code: &str, message: &str) -> String {
    serde_json::json!({"error": {"code": code, "message": message}}).to_string()
}

fn all_are(expected: &Fault, answers: &[(&str, u16, String)]) {
    for (name, status, body) in answers {
        assert_eq!(&of(name, *status, body), expected, "{name} {status} {body}");
    }
}

#[test]
fn a_cloud_that_lacks_a_call_says_so_in_its_text() {
    let segment = "Resource not found for the segment 'secureScores'.";
    all_are(
        &Fault::NotInCloud,
        &[
            ("secure_scores", 400, error("BadRequest", segment)),
            ("secure_scores", 400, error("badRequest", &segment.to_uppercase())),
            ("secure_scores", 404, error("", "Resource not found for the segment “secureScores”.")),
            ("secure_scores", 404, error("ResourceNotFound", "Invalid segment")),
            ("secure_scores", 400, error("UnknownError", &error("BadRequest", segment))),
            (
                "secure_scores",
                400,
                r#"{"error":{"code":"x","innererror":{"message":"Resource  not found for the segment"}}}"#.to_owned(),
            ),
            (
                "secure_scores",
                404,
                "<html><body><h2>Resource not found for\n the segment &#39;secureScores&#39;</h2></body></html>".to_owned(),
            ),
            ("mobile_apps", 404, error("NotFound", "Requested API is not supported. Please check the path.")),
            ("secure_scores", 501, String::new()),
            ("users", 400, error("BadRequest", "Resource not found for the segment 'users'.")),
        ],
    );
}

#[test]
fn changes_that_are_not_offered_have_the_list_read_in_their_place() {
    all_are(
        &Fault::NoChanges,
        &[
            ("users", 400, error("Request_UnsupportedQuery", "Change enumeration is not supported for this tenant.")),
            ("users", 400, error("Request_UnsupportedQuery", "")),
            ("users", 400, error("request_unsupportedquery", "Not supported.")),
            ("users", 400, error("BadRequest", "Delta query is not supported for the tenant")),
            ("users", 403, error("Forbidden", "Change tracking isn't available in this tenant")),
            ("users", 400, error("BadRequest", "Resource not found for the segment 'delta'.")),
            ("users", 404, error("", "Resource not found for the segment \"delta\".")),
            ("users", 501, error("NotImplemented", "This operation target is not yet supported.")),
            ("users", 501, String::new()),
            (
                "users",
                400,
                r#"{"error":{"code":"BadRequest","message":"","innerError":{"code":"Request_UnsupportedQuery"}}}"#.to_owned(),
            ),
        ],
    );
    assert!(matches!(
        of("mobile_apps", 400, &error("Request_UnsupportedQuery", "x")),
        Fault::Refused { status: 400, .. }
    ));
}

#[test]
fn a_page_size_is_refused_in_many_words_and_the_answer_may_name_another() {
    let sizes = |message: &str| match of("users", 400, &error("Request_BadRequest", message)) {
        Fault::PageSize(named) => named,
        other => panic!("{message}: {other:?}"),
    };
    assert_eq!(
        sizes("Invalid page size specified: '999'. Must be between 1 and 500 inclusive."),
        [999, 1, 500]
    );
    assert_eq!(
        sizes(
            "The limit of '100' for Top query has been exceeded. The value from the incoming request is '999'."
        ),
        [100, 999]
    );
    assert!(sizes("Invalid value for $top query option found.").is_empty());
    assert!(sizes("The $TOP is not allowed").is_empty());
    let custom = "This resource does not support custom page sizes. Please retry without a page size argument.";
    let refused = of("users", 400, &error("Request_UnsupportedQuery", custom));
    assert_eq!(
        refused,
        Fault::PageSize(Vec::new()),
        "it is about no change"
    );
}

#[test]
fn a_property_that_is_not_known_is_named_in_any_quotes() {
    for message in [
        "Parsing OData Select and Expand failed: Could not find a property named 'jobTitle' on type 'microsoft.graph.user'.",
        "could not find a property named \"jobtitle\" on type",
        "Could not find a property named ‘jobTitle’",
        "Could not find a property named jobTitle on type 'microsoft.graph.user'.",
        "Unsupported property 'jobTitle'.",
        "The property `JobTitle` does not exist on type 'user'.",
    ] {
        let refused = of("users", 400, &error("BadRequest", message));
        assert_eq!(refused, Fault::UnknownProperty("jobTitle"), "{message}");
    }
    let nested = "Could not find a property named 'signInActivity' on type 'microsoft.graph.user'.";
    let refused = of("sign_in_activity", 400, &error("BadRequest", nested));
    assert_eq!(refused, Fault::UnknownProperty("signInActivity"));
    for message in [
        "Could not find a property named 'id'",
        "Could not find a property named 'x'",
    ] {
        let refused = of("users", 400, &error("BadRequest", message));
        assert!(
            matches!(refused, Fault::Refused { .. }),
            "{message}: {refused:?}"
        );
    }
}

#[test]
fn intune_refuses_in_odd_shapes() {
    let applicable = "Request not applicable to target tenant.";
    let hidden =
        r#"{"ErrorCode":"Forbidden","Message":"{\"Code\":\"x\",\"Text\":\"no license\"}"}"#;
    all_are(
        &Fault::NotLicensed(Licence::Intune),
        &[
            ("managed_devices", 400, error("BadRequest", applicable)),
            (
                "managed_devices",
                400,
                error("badrequest", &applicable.to_uppercase()),
            ),
            ("managed_devices", 403, error("Forbidden", applicable)),
            ("managed_devices", 401, error("UnknownError", hidden)),
            (
                "mobile_apps",
                400,
                error("UnknownError", &error("BadRequest", applicable)),
            ),
        ],
    );
    all_are(
        &Fault::Forbidden,
        &[
            (
                "managed_devices",
                401,
                error("UnknownError", r#"{"ErrorCode":"Unauthorized"}"#),
            ),
            ("managed_devices", 401, "<html>".to_owned()),
            (
                "managed_devices",
                403,
                error("UnknownError", "S2SUnauthorized"),
            ),
        ],
    );
    all_are(
        &Fault::TokenRefused,
        &[(
            "managed_devices",
            401,
            error("InvalidAuthenticationToken", "Access token has expired."),
        )],
    );
    assert!(matches!(
        of("users", 400, &error("BadRequest", applicable)),
        Fault::Refused { .. }
    ));
}

#[test]
fn licences_permissions_tokens_and_lost_places_are_told_apart() {
    all_are(
        &Fault::NotLicensed(Licence::EntraIdP1),
        &[
            (
                "sign_in_activity",
                403,
                error("Authentication_RequestFromNonPremiumTenantOrB2CTenant", ""),
            ),
            (
                "sign_in_activity",
                400,
                error("authentication_requestfromnonpremiumtenantorb2ctenant", ""),
            ),
            (
                "mfa_registration",
                403,
                error(
                    "",
                    "Neither tenant is B2C or tenant doesn't have premium license",
                ),
            ),
            (
                "mfa_registration",
                403,
                error("Forbidden", "Your tenant is not licensed for this feature."),
            ),
        ],
    );
    all_are(
        &Fault::Forbidden,
        &[
            ("users", 403, error("Authorization_RequestDenied", "")),
            (
                "users",
                403,
                error(
                    "",
                    "You do not have the required permissions to access this item.",
                ),
            ),
            (
                "users",
                400,
                error(
                    "Authorization_RequestDenied",
                    "Insufficient privileges to complete the operation.",
                ),
            ),
            ("users", 403, "<html>".to_owned()),
        ],
    );
    all_are(
        &Fault::TokenRefused,
        &[
            ("users", 401, String::new()),
            ("users", 401, error("InvalidAuthenticationToken", "")),
            (
                "users",
                400,
                error("InvalidAuthenticationToken", "CompactToken parsing failed"),
            ),
        ],
    );
    all_are(
        &Fault::StateLost,
        &[
            ("users", 410, String::new()),
            ("users", 400, error("SyncStateNotFound", "")),
            ("users", 404, error("syncstatenotfound", "")),
            ("users", 400, error("Directory_ExpiredPageToken", "")),
            ("users", 400, r#"{"error":{"code":"BadRequest","innerError":{"code":"resyncChangesApplyDifferences"}}}"#.to_owned()),
            ("users", 400, error("BadRequest", "The specified page token value has expired.")),
            ("users", 400, r#"{"odata.error":{"code":"x","message":{"lang":"en","value":"The SkipToken is invalid"}}}"#.to_owned()),
        ],
    );
}

#[test]
fn a_rate_limit_is_one_with_any_status_and_what_says_nothing_is_refused() {
    let now = "2026-01-01T00:00:00Z".parse().expect("a date");
    let users = datasets::find("users").expect("it is registered");
    let body = error("TooManyRequests", "");
    let fault = classify(users, 403, Some("7"), body.as_bytes(), now);
    assert_eq!(fault, Fault::Throttled(Some(Duration::from_secs(7))));
    for (body, code) in [
        ("", ""),
        ("[1,", ""),
        ("null", ""),
        (r#"{"error":"invalid_request"}"#, ""),
        (r#"{"error":{"code":7}}"#, ""),
        (
            r#"{"error":{"innerError":{"code":"inner"},"code":"outer"}}"#,
            "outer",
        ),
    ] {
        let code = code.to_owned();
        assert_eq!(
            of("users", 400, body),
            Fault::Refused { status: 400, code },
            "{body}"
        );
    }
    let deep = "[".repeat(100_000);
    assert!(matches!(of("users", 400, &deep), Fault::Refused { .. }));
}

#[test]
fn no_sentence_about_a_refusal_holds_a_status() {
    let now = "2026-01-01T00:00:00Z".parse().expect("a date");
    let mut bodies = vec![
        String::new(),
        error("UnknownError", "HTTP 403"),
        error("", ""),
    ];
    bodies.extend((400..600).map(|status| error(&status.to_string(), "Bad Request")));
    for name in ["users", "managed_devices", "active_users"] {
        let dataset = datasets::find(name).expect("it is registered");
        for status in 400..600_u16 {
            for body in [
                &bodies[0],
                &bodies[1],
                &bodies[2],
                &bodies[usize::from(status) - 397],
            ] {
                let fault = of(name, status, body);
                for times in [1, PERSISTS] {
                    let repeated = Repeated {
                        cause: Cause::of(&fault),
                        since: now,
                        times,
                    };
                    let said = sentence(dataset, &fault, &repeated, None, now);
                    let mut words = said.split(|c: char| !c.is_alphanumeric());
                    let bare = words.find(|word| {
                        word.parse()
                            .is_ok_and(|number: u16| (400..600).contains(&number))
                    });
                    assert_eq!(bare, None, "{status}: {said}");
                }
            }
        }
    }
}
