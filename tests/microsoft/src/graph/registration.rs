//! `/reports/authenticationMethods/userRegistrationDetails`: one entry for each user.

use super::error::GraphError;
use super::page::Sizes;
use super::{Call, Reply};
use crate::json::{Json, Property, date_time_into, property, selected, write_object};
use crate::people::{Kind, Person};
use crate::tenant::{Facts, State};

const SIZES: Sizes = Sizes::new(1_000, 1_000);

/// What a person has registered, and which of it the person prefers.
#[rustfmt::skip]
const HABITS: [(&[&str], &str); 6] = [
    (&["microsoftAuthenticatorPush", "softwareOneTimePasscode"], "push"),
    (&["mobilePhone"], "sms"),
    (&["mobilePhone", "email", "microsoftAuthenticatorPush"], "voiceMobile"),
    (&["windowsHelloForBusiness", "microsoftAuthenticatorPasswordless"], "push"),
    (&["fido2SecurityKey", "passKeyDeviceBound"], "none"),
    // Of no published list.
    (&["retinaScan"], "retinaScan"),
];

fn habit(person: &Person) -> (&'static [&'static str], &'static str) {
    let roll = usize::try_from(person.roll(0x3FA, 100)).unwrap_or_default();
    match (person.kind, roll) {
        (Kind::Guest | Kind::SharedMailbox | Kind::Sparse, _) | (_, 0..18) => (&[], ""),
        (_, 99) => HABITS[5],
        (_, roll) => HABITS[roll % 5],
    }
}

fn registered(person: &Person) -> bool {
    !habit(person).0.is_empty()
}

static PROPERTIES: [Property<Person>; 16] = [
    property("id", |p, _, json| json.uuid(p.id)),
    property("userPrincipalName", |p, facts, json| {
        json.string(&p.principal_name(facts));
    }),
    property("userDisplayName", |p, _, json| {
        json.string(&p.display_name());
    }),
    property("userType", |p, _, json| {
        json.string(if p.kind == Kind::Guest {
            "guest"
        } else {
            "member"
        });
    }),
    property("isAdmin", |p, _, json| {
        json.boolean(p.index.is_multiple_of(50));
    }),
    property("isSsprRegistered", |p, _, json| {
        json.boolean(registered(p) && p.index.is_multiple_of(2));
    }),
    property("isSsprEnabled", |p, _, json| {
        json.boolean(p.index.is_multiple_of(2));
    }),
    property("isSsprCapable", |p, _, json| {
        json.boolean(registered(p) && p.index.is_multiple_of(2));
    }),
    property("isMfaRegistered", |p, _, json| json.boolean(registered(p))),
    property("isMfaCapable", |p, _, json| {
        json.boolean(registered(p) && p.enabled());
    }),
    property("isPasswordlessCapable", |p, _, json| {
        json.boolean(habit(p).1 == "none");
    }),
    property("methodsRegistered", |p, _, json| json.strings(habit(p).0)),
    property(
        "isSystemPreferredAuthenticationMethodEnabled",
        |p, _, json| match p.kind {
            Kind::Sparse => json.null(),
            _ => json.boolean(true),
        },
    ),
    property(
        "systemPreferredAuthenticationMethods",
        |p, _, json| match habit(p).1 {
            "" | "none" => json.strings(&[]),
            preferred => json.strings(&[preferred]),
        },
    ),
    property(
        "userPreferredMethodForSecondaryAuthentication",
        |p, _, json| json.string(habit(p).1),
    ),
    property("lastUpdatedDateTime", |p, facts, json| {
        let mut time = String::with_capacity(28);
        date_time_into(facts.anchor - i64::from(p.index % 86_400), &mut time);
        json.concat(&[time.trim_end_matches('Z'), ".6195833Z"]);
    }),
];

/// `/reports/authenticationMethods/userRegistrationDetails`.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    let select = call.query.select(call.resource)?;
    let properties = selected(&PROPERTIES, select.as_deref(), None);
    let state = call.tenant.read();
    let facts = &call.tenant.facts;
    call.page(state.total, SIZES, &|index, json| {
        write(index, &properties, &state, facts, json)
    })
}

fn write(
    index: u32,
    properties: &[&Property<Person>],
    state: &State,
    facts: &Facts,
    json: &mut Json,
) -> bool {
    let person = state.live_person(index, facts);
    person.is_some_and(|person| {
        write_object(properties, &person, facts, None, json);
        true
    })
}

/// Writes an entry with all its properties; false where there is no such user.
pub fn write_whole(index: u32, state: &State, facts: &Facts, json: &mut Json) -> bool {
    write(
        index,
        &selected(&PROPERTIES, None, None),
        state,
        facts,
        json,
    )
}
