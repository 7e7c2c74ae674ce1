//! The properties of a user that the simulator knows, each with how it is written.

use crate::json::{Json, Property, property};
use crate::licences;
use crate::names::{DEPARTMENTS, JOB_TITLES, PLACES};
use crate::people::{Kind, Person, SignIns};
use crate::seeded::mix;
use crate::tenant::Facts;

const DAY: i64 = 86_400;

/// What is given without `$select`: <https://learn.microsoft.com/graph/api/user-list>
pub const DEFAULT: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];

/// In the order in which they are written.
pub static PROPERTIES: [Property<Person>; 38] = [
    property("id", |p, _, json| json.uuid(p.id)),
    property("deletedDateTime", |p, _, json| {
        optional_time(p.deleted, json);
    }),
    property("accountEnabled", |p, _, json| json.boolean(p.enabled())),
    property("ageGroup", |_, _, json| json.null()),
    property("assignedLicenses", |p, _, json| assigned_licences(p, json)),
    property("assignedPlans", |p, _, json| assigned_plans(p, json)),
    property("businessPhones", |p, _, json| business_phones(p, json)),
    property("city", |p, _, json| {
        json.optional(worker(p, PLACES[place(p)].0));
    }),
    property("companyName", |p, _, json| {
        json.optional((p.kind == Kind::Guest).then_some("Partner & Sons <Holding> A/S"));
    }),
    property("country", |p, _, json| {
        json.optional(worker(p, PLACES[place(p)].1));
    }),
    property("createdDateTime", |p, _, json| json.date_time(p.created)),
    property("creationType", |p, _, json| {
        json.optional((p.kind == Kind::Guest).then_some("Invitation"));
    }),
    property("department", |p, _, json| {
        json.optional(worker(p, pick(p, 0xDE, &DEPARTMENTS)));
    }),
    property("displayName", |p, _, json| json.string(&p.display_name())),
    property("employeeId", |p, _, json| match p.roll(0xE1, 3) {
        0 => json.null(),
        _ => json.string(&format!("{:06}", p.index + 1)),
    }),
    property("externalUserState", |p, _, json| {
        let state = if p.roll(0xE2, 4) == 0 {
            "PendingAcceptance"
        } else {
            "Accepted"
        };
        json.optional((p.kind == Kind::Guest).then_some(state));
    }),
    property("externalUserStateChangeDateTime", |p, _, json| {
        optional_time((p.kind == Kind::Guest).then_some(p.created + 3_600), json);
    }),
    property("givenName", |p, _, json| json.optional(p.given_name())),
    property("jobTitle", |p, _, json| {
        json.optional(worker(p, pick(p, 0x30B, &JOB_TITLES)));
    }),
    property("lastPasswordChangeDateTime", |p, facts, json| {
        let days = i64::try_from(p.roll(0x9A, 300)).unwrap_or_default();
        json.date_time((facts.anchor - days * DAY).max(p.created));
    }),
    property("licenseAssignmentStates", |p, _, json| {
        assignment_states(p, json);
    }),
    property("mail", |p, facts, json| {
        json.optional(p.mail(facts).as_deref());
    }),
    property("mailNickname", |p, _, json| json.string(&p.alias())),
    property("mobilePhone", |p, _, json| match p.roll(0x30, 3) {
        0 if ordinary(p) => json.string(&format!("+45 555 {:04}", p.roll(0x31, 10_000))),
        _ => json.null(),
    }),
    property("officeLocation", |p, _, json| match worker(p, "") {
        Some(_) => json.string(&format!(
            "{}/{}",
            p.roll(0x0F, 9) + 1,
            p.roll(0x10, 400) + 1_000
        )),
        None => json.null(),
    }),
    property("onPremisesLastSyncDateTime", |p, facts, json| {
        optional_time(
            p.synced()
                .then(|| facts.anchor - i64::from(p.index % 1_800)),
            json,
        );
    }),
    property("onPremisesSamAccountName", |p, _, json| {
        json.optional(p.synced().then(|| p.alias()).as_deref());
    }),
    // Null, not false, for those who were never synced.
    property("onPremisesSyncEnabled", |p, _, json| match p.synced() {
        true => json.boolean(true),
        false => json.null(),
    }),
    property("otherMails", |p, _, json| match (p.kind, p.alias()) {
        (Kind::Guest, alias) => json.strings(&[&[&alias, "@partner.example"].concat()]),
        _ => json.strings(&[]),
    }),
    property("postalCode", |_, _, json| json.null()),
    property("preferredLanguage", |p, _, json| match p.roll(0x1A, 4) {
        0 => json.null(),
        _ => json.optional(worker(p, PLACES[place(p)].3)),
    }),
    property("proxyAddresses", |p, facts, json| match p.mail(facts) {
        Some(mail) => json.strings(&[&["SMTP:", &mail].concat()]),
        None => json.strings(&[]),
    }),
    property("showInAddressList", |_, _, json| json.null()),
    property("signInActivity", sign_in_activity),
    property("surname", |p, _, json| json.optional(p.surname())),
    property("usageLocation", |p, _, json| match p.licences {
        0 => json.null(),
        _ => json.string(PLACES[place(p)].2),
    }),
    property("userPrincipalName", |p, facts, json| {
        json.string(&p.principal_name(facts));
    }),
    // Accounts from before 2014 have none.
    property("userType", |p, _, json| match p.kind {
        Kind::Sparse => json.null(),
        _ => json.string(p.user_type()),
    }),
];

fn pick<'a>(person: &Person, purpose: u64, of: &[&'a str]) -> &'a str {
    of[usize::try_from(person.roll(purpose, of.len() as u64)).unwrap_or_default()]
}

fn place(person: &Person) -> usize {
    usize::try_from(person.roll(0x91A, PLACES.len() as u64)).unwrap_or_default()
}

fn ordinary(person: &Person) -> bool {
    !matches!(
        person.kind,
        Kind::Guest | Kind::SharedMailbox | Kind::Sparse
    )
}

/// What those have who work here.
fn worker<'a>(person: &Person, value: &'a str) -> Option<&'a str> {
    ordinary(person).then_some(value)
}

fn optional_time(time: Option<i64>, json: &mut Json) {
    match time {
        Some(time) => json.date_time(time),
        None => json.null(),
    }
}

/// Absent for the sparse: a property may always be.
fn business_phones(person: &Person, json: &mut Json) {
    match (person.kind, person.roll(0xB0, 3)) {
        (Kind::Sparse, _) => {}
        (Kind::Member | Kind::Markup, 0 | 1) => {
            json.strings(&[&format!(
                "+45 555 {:04} ext. {}",
                person.roll(0xB1, 10_000),
                person.index
            )]);
        }
        _ => json.strings(&[]),
    }
}

fn assigned_licences(person: &Person, json: &mut Json) {
    json.raw("[");
    for (i, sku) in licences::held(person.licences).enumerate() {
        json.raw(if i > 0 { "," } else { "" });
        json.raw("{\"disabledPlans\":[],\"skuId\":\"");
        // GUIDs compare without case, and some writers have written them in upper case.
        if person.index.is_multiple_of(7) {
            json.raw(&sku.id.to_ascii_uppercase());
        } else {
            json.raw(sku.id);
        }
        json.raw("\"}");
    }
    json.raw("]");
}

fn assigned_plans(person: &Person, json: &mut Json) {
    json.raw("[");
    for (i, plan) in licences::plans(person.licences).enumerate() {
        json.raw(if i > 0 { "," } else { "" });
        json.raw("{\"assignedDateTime\":");
        json.date_time(person.created + 60);
        json.raw(",\"capabilityStatus\":\"Enabled\",\"service\":");
        json.string(plan.2);
        json.raw(",\"servicePlanId\":");
        json.string(plan.1);
        json.raw("}");
    }
    json.raw("]");
}

fn assignment_states(person: &Person, json: &mut Json) {
    json.raw("[");
    for (i, sku) in licences::held(person.licences).enumerate() {
        json.raw(if i > 0 { "," } else { "" });
        json.raw("{\"skuId\":");
        json.string(sku.id);
        json.raw(",\"disabledPlans\":[],\"assignedByGroup\":null,\"state\":\"Active\",\"error\":\"None\",");
        json.raw("\"lastUpdatedDateTime\":");
        json.date_time(person.created + 60);
        json.raw("}");
    }
    json.raw("]");
}

/// Never signed in: absent, or the first day of the calendar.
fn sign_in_activity(person: &Person, facts: &Facts, json: &mut Json) {
    const ZERO: &str = "0001-01-01T00:00:00Z";
    let (last, successful, non_interactive) = match person.sign_ins(facts) {
        SignIns::Absent => return,
        SignIns::Zero => {
            json.raw("{\"lastSignInDateTime\":\"");
            json.raw(ZERO);
            json.raw("\",\"lastSignInRequestId\":\"\",\"lastNonInteractiveSignInDateTime\":\"");
            json.raw(ZERO);
            json.raw("\",\"lastNonInteractiveSignInRequestId\":\"\"}");
            return;
        }
        SignIns::At {
            last,
            successful,
            non_interactive,
        } => (last, successful, non_interactive),
    };
    let request = |purpose: u64| {
        uuid::Uuid::from_u64_pair(mix(person.hash, purpose, 0), mix(person.hash, purpose, 1))
    };
    json.raw("{\"lastSignInDateTime\":");
    json.date_time(last);
    json.raw(",\"lastSignInRequestId\":");
    json.uuid(request(0x81));
    json.raw(",\"lastNonInteractiveSignInDateTime\":");
    match non_interactive {
        Some(at) => {
            json.date_time(at);
            json.raw(",\"lastNonInteractiveSignInRequestId\":");
            json.uuid(request(0x82));
        }
        None => {
            json.string(ZERO);
            json.raw(",\"lastNonInteractiveSignInRequestId\":\"\"");
        }
    }
    if let Some(at) = successful {
        json.raw(",\"lastSuccessfulSignInDateTime\":");
        json.date_time(at);
        json.raw(",\"lastSuccessfulSignInRequestId\":");
        json.uuid(request(0x83));
    }
    json.raw("}");
}
