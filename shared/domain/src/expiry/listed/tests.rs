use super::*;
use serde_json::json;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a date")
}

fn credential() -> Credential {
    Credential::client_secret("abc".into(), at("2026-01-01T00:00:00Z"))
}

fn secret(id: &str, hint: &str, start: &str, end: &str) -> Value {
    json!({"keyId": id, "hint": hint, "startDateTime": start, "endDateTime": end})
}

const LATER: &str = "2026-03-01T00:00:00Z";

/// Checks a credential after an entry was learned: it is called deleted only where it is absent.
fn assert_listing(ours: &Credential, listing: Listing, entry: &Value) {
    let deleted = (listing == Listing::Absent).then(|| at(LATER));
    assert_eq!(
        (ours.listing, ours.deleted_since),
        (listing, deleted),
        "{entry}"
    );
}

#[test]
fn the_one_secret_with_our_hint_is_ours_and_is_known_by_its_id_after() {
    let mut ours = credential();
    let listed = json!([
        secret("0", "abc", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        secret("1", "abc", "2025-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
        secret("2", "xyz", "2025-12-31T00:00:00Z", "2026-06-01T00:00:00Z"),
        secret("3", "abc", "2026-02-01T00:00:00Z", "2028-02-01T00:00:00Z"),
    ]);
    ours.learn(&listed, &json!([]), at(LATER));
    assert_eq!(ours.expires_at, Some(at("2027-01-01T00:00:00Z")));
    assert_eq!(
        (ours.expiry_source, ours.certainty),
        (ExpirySource::Entra, Certainty::Certain)
    );
    assert_eq!(ours.key_id.as_deref(), Some("1"));
    assert_eq!(
        ours.longer,
        Some(Longer {
            hint: "abc".into(),
            expires_at: at("2028-02-01T00:00:00Z")
        }),
        "made after ours was stored, and lives longer"
    );
    let moved = json!([secret(
        "1",
        "",
        "2025-12-31T00:00:00Z",
        "2026-09-01T00:00:00Z"
    )]);
    ours.learn(&moved, &json!([]), at(LATER));
    assert_eq!(ours.expires_at, Some(at("2026-09-01T00:00:00Z")));
    assert_eq!(ours.longer, None);
}

#[test]
fn of_two_that_could_be_ours_the_earlier_date_counts_and_is_called_likely() {
    let mut ours = credential();
    let listed = json!([
        secret("1", "abc", "2025-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
        secret("2", "abc", "2025-12-30T00:00:00Z", "2026-07-01T00:00:00Z"),
    ]);
    ours.learn(&listed, &json!([]), at(LATER));
    assert_eq!(ours.expires_at, Some(at("2026-07-01T00:00:00Z")));
    assert_eq!(ours.certainty, Certainty::Likely);
    assert_eq!((ours.key_id, ours.deleted_since), (None, None));
}

#[test]
fn a_secret_that_is_listed_no_more_was_deleted_unless_it_is_new_or_may_be_unnamed() {
    let other = json!([secret(
        "2",
        "xyz",
        "2025-12-31T00:00:00Z",
        "2027-01-01T00:00:00Z"
    )]);
    let mut ours = credential();
    ours.learn(&other, &json!([]), at("2026-01-01T00:10:00Z"));
    assert_eq!(ours.deleted_since, None, "ten minutes old");
    ours.learn(&other, &json!([]), at(LATER));
    assert_eq!(ours.deleted_since, Some(at(LATER)));
    assert_eq!(ours.expiry_source, ExpirySource::Assumed);
    ours.learn(&other, &json!([]), at("2026-04-01T00:00:00Z"));
    assert_eq!(
        ours.deleted_since,
        Some(at(LATER)),
        "since it was first seen"
    );
    ours.learn(&Value::Null, &Value::Null, at("2026-04-01T00:00:00Z"));
    assert_eq!(ours.deleted_since, Some(at(LATER)), "nothing was told");
    let back = json!([secret(
        "1",
        "abc",
        "2025-12-31T00:00:00Z",
        "2027-01-01T00:00:00Z"
    )]);
    ours.learn(&back, &json!([]), at("2026-04-02T00:00:00Z"));
    assert_eq!(ours.deleted_since, None);
    let unnamed = json!([{"keyId": "9", "endDateTime": "2027-01-01T00:00:00Z"}]);
    let mut ours = credential();
    ours.learn(&unnamed, &json!([]), at(LATER));
    assert_eq!(ours.deleted_since, None, "that one may be ours");
}

#[test]
fn a_certificate_is_found_by_its_thumbprint() {
    let mut ours = Credential::certificate(
        "AB01".into(),
        at("2027-01-01T00:00:00Z"),
        at("2026-01-01T00:00:00Z"),
    );
    let keys = json!([{"keyId": "7", "customKeyIdentifier": "ab01"}]);
    ours.learn(&json!([]), &keys, at(LATER));
    assert_eq!(
        (ours.key_id.as_deref(), ours.deleted_since),
        (Some("7"), None)
    );
    ours.learn(&json!([]), &json!([]), at(LATER));
    assert_eq!(ours.deleted_since, Some(at(LATER)));
}

#[test]
fn what_was_stored_before_is_read() {
    let stored = json!({
        "kind": "client_secret", "hint": "abc", "stored_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-07-01T00:00:00Z", "expiry_source": "assumed", "warned": 30,
    });
    let read: Credential = serde_json::from_value(stored).expect("is read");
    assert_eq!(read.certainty, Certainty::Unproven);
}

const OURS: &str = "A909502DD82AE41433E6F83886B00D4277A32A7B";

fn certificate() -> Credential {
    let mut ours = Credential::certificate(
        OURS.into(),
        at("2027-01-01T00:00:00Z"),
        at("2026-01-01T00:00:00Z"),
    );
    ours.key_id = Some("7".to_owned());
    ours
}

#[test]
fn a_certificate_is_ours_in_every_spelling_of_its_identifier() {
    for spelled in [
        json!(OURS),
        json!(OURS.to_lowercase()),
        json!("qQlQLdgq5BQz5vg4hrANQnejKns="),
        json!("QTkwOTUwMkREODJBRTQxNDMzRTZGODM4ODZCMDBENDI3N0EzMkE3Qg=="),
    ] {
        let mut ours = certificate();
        let keys = json!([{"keyId": "9", "customKeyIdentifier": spelled}]);
        ours.learn(&json!([]), &keys, at(LATER));
        assert_eq!(ours.key_id.as_deref(), Some("9"), "uploaded once more");
        let said = (ours.listing, ours.deleted_since);
        assert_eq!(said, (Listing::Listed, None), "{spelled}");
    }
}

#[test]
fn a_certificate_is_not_called_deleted_while_an_entry_may_be_it() {
    for (entry, listing) in [
        (
            json!({"keyId": "7", "customKeyIdentifier": null}),
            Listing::Listed,
        ),
        (
            json!({"keyId": "7", "customKeyIdentifier": "inventory"}),
            Listing::Listed,
        ),
        (
            json!({"keyId": "8", "customKeyIdentifier": null}),
            Listing::NotKnown,
        ),
        (json!({"keyId": "8"}), Listing::NotKnown),
        (
            json!({"keyId": "8", "customKeyIdentifier": ""}),
            Listing::NotKnown,
        ),
        (
            json!({"keyId": "8", "customKeyIdentifier": "52534645"}),
            Listing::NotKnown,
        ),
        (
            json!({"customKeyIdentifier": OURS.replace('A', "B"), "endDateTime": "2027-01-01T00:00:00.0000000Z"}),
            Listing::NotKnown,
        ),
        (
            json!({"keyId": "8", "customKeyIdentifier": OURS.replace('A', "B"), "endDateTime": "2028-01-01T00:00:00Z"}),
            Listing::Absent,
        ),
        (
            json!({"keyId": "8", "customKeyIdentifier": "uQlQLdgq5BQz5vg4hrANQnejKns="}),
            Listing::Absent,
        ),
    ] {
        let mut ours = certificate();
        ours.learn(&json!([]), &json!([entry]), at(LATER));
        assert_listing(&ours, listing, &entry);
    }
}

#[test]
fn a_secret_is_not_called_deleted_while_an_entry_may_be_it() {
    let known = |key_id: Option<&str>| {
        let mut ours = credential();
        ours.key_id = key_id.map(str::to_owned);
        ours
    };
    let id = "0f8dc9a1-b2c3-4d4e-8f60-718293a4b5c6";
    let upper = id.to_uppercase();
    for (key_id, entry, listing) in [
        (
            Some(id),
            json!({"keyId": upper, "hint": null}),
            Listing::Listed,
        ),
        (
            Some(id),
            json!({"keyId": null, "hint": "abc"}),
            Listing::NotKnown,
        ),
        (
            Some(id),
            json!({"keyId": "2", "hint": "abc"}),
            Listing::Absent,
        ),
        (
            None,
            json!({"keyId": "2", "hint": "abc", "endDateTime": null}),
            Listing::NotKnown,
        ),
        (
            None,
            json!({"keyId": "2", "hint": "abc", "endDateTime": "soon"}),
            Listing::NotKnown,
        ),
        (None, json!({"keyId": "2", "hint": null}), Listing::NotKnown),
        (None, json!({"keyId": "2", "hint": ""}), Listing::NotKnown),
        (None, json!("an entry in another shape"), Listing::NotKnown),
        (None, json!({"keyId": "2", "hint": "xyz"}), Listing::Absent),
        (
            None,
            json!({"keyId": "2", "hint": "abc", "endDateTime": "2027-01-01T00:00:00"}),
            Listing::Listed,
        ),
    ] {
        let mut ours = known(key_id);
        ours.learn(&json!([entry]), &json!([]), at(LATER));
        assert_listing(&ours, listing, &entry);
    }
}

#[test]
fn a_federated_credential_is_never_called_deleted() {
    let mut ours = Credential::federated(at("2026-01-01T00:00:00Z"));
    ours.learn(&json!([]), &json!([]), at(LATER));
    assert_eq!((ours.listing, ours.deleted_since), (Listing::Unread, None));
}
