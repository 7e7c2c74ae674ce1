//! `/users`, `/users/$count`, `/users/{id}` and the deleted ones.

use uuid::Uuid;

use super::authorization::missing_permission;
use super::error::GraphError;
use super::page::Sizes;
use super::user_properties::{DEFAULT, PROPERTIES};
use super::{Call, Reply};
use crate::json::{Json, Property, selected, write_object};
use crate::people::Person;
use crate::tenant::{Facts, State};

/// Users per page: <https://learn.microsoft.com/graph/api/user-list>
const SIZES: Sizes = Sizes::new(100, 999);
/// Pages with `signInActivity` are cut to this.
const SIGN_IN_CUT: u32 = 120;

/// `/users`.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    let properties = asked_for(call)?;
    let state = call.tenant.read();
    let facts = &call.tenant.facts;
    let with_sign_ins = properties.iter().any(|p| p.name == "signInActivity");
    let sizes = if with_sign_ins {
        Sizes {
            cut: SIGN_IN_CUT,
            ..SIZES
        }
    } else {
        SIZES
    };
    call.page(state.total, sizes, &|index, json| {
        state
            .live_person(index, facts)
            .is_some_and(|person| write(&person, &properties, &state, facts, json))
    })
}

/// `/users/$count`, which the directory answers under `ConsistencyLevel: eventual` alone.
pub fn count(call: &Call<'_>) -> Result<Reply, GraphError> {
    if !call.eventual {
        let message = "$count is not currently supported.";
        return Err(GraphError::bad_request(message));
    }
    Ok(Reply::Text(call.tenant.read().live.to_string()))
}

/// `/users/{id}`, by object id.
pub fn one(call: &Call<'_>) -> Result<Reply, GraphError> {
    let properties = asked_for(call)?;
    let state = call.tenant.read();
    let facts = &call.tenant.facts;
    let id = call.argument();
    let person = Uuid::try_parse(id)
        .ok()
        .and_then(|id| Person::index_of(id, facts))
        .and_then(|index| state.live_person(index, facts))
        .ok_or_else(|| GraphError::no_object(id))?;
    let mut json = Json::default();
    write(&person, &properties, &state, facts, &mut json);
    Ok(Reply::Json(json.text))
}

/// `/directory/deletedItems/microsoft.graph.user`: those that can be restored.
pub fn deleted(call: &Call<'_>) -> Result<Reply, GraphError> {
    let properties = asked_for(call)?;
    let state = call.tenant.read();
    let facts = &call.tenant.facts;
    call.page(state.total, SIZES, &|index, json| {
        state
            .person(index, facts)
            .filter(|person| person.deleted.is_some())
            .is_some_and(|person| write(&person, &properties, &state, facts, json))
    })
}

/// The properties to write; refuses sign-in activity without its permission and its licence.
fn asked_for(call: &Call<'_>) -> Result<Vec<&'static Property<Person>>, GraphError> {
    let select = call.query.select(call.resource)?;
    let properties = selected(&PROPERTIES, select.as_deref(), Some(DEFAULT));
    if properties.iter().any(|p| p.name == "signInActivity") {
        if !call.roles.iter().any(|role| role == "AuditLog.Read.All") {
            return Err(missing_permission(&["AuditLog.Read.All"]));
        }
        if !call.tenant.read().entra_p1 {
            return Err(GraphError::not_premium());
        }
    }
    Ok(properties)
}

/// Writes a user as it is now. Always true, for those who page.
pub fn write(
    person: &Person,
    properties: &[&Property<Person>],
    state: &State,
    facts: &Facts,
    json: &mut Json,
) -> bool {
    write_object(properties, person, facts, state.edited(person.index), json);
    true
}
