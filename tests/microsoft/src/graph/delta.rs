//! `/users/delta`: everyone once, and then what changed.
//!
//! <https://learn.microsoft.com/graph/delta-query-overview>

use std::collections::{BTreeMap, BTreeSet};

use super::error::GraphError;
use super::page::{Cursor, Kind, fill};
use super::user_properties::{DEFAULT, PROPERTIES};
use super::{Call, Reply, users};
use crate::json::{Json, Property, selected};
use crate::people::Person;
use crate::tenant::{Facts, State};

/// Users per page where the client does not say.
const PAGE: u32 = 200;
const MOST: u32 = 999;
/// Seconds that a delta token of the directory lives.
const LIFETIME: i64 = 7 * 86_400;

/// What delta queries do not track: <https://learn.microsoft.com/graph/api/user-delta>
const UNTRACKED: &str = "signInActivity";

/// `/users/delta`.
pub fn users(call: &Call<'_>) -> Result<Reply, GraphError> {
    let cursor = begin(call)?;
    let names: Vec<String> = match cursor.query.split_once('|') {
        Some((names, _)) if !names.is_empty() => names.split(',').map(str::to_owned).collect(),
        _ => DEFAULT.iter().map(|&name| name.to_owned()).collect(),
    };
    let top = cursor
        .query
        .rsplit('|')
        .next()
        .and_then(|top| top.parse().ok())
        .unwrap_or(PAGE)
        .min(call.world.largest_page);
    let properties = selected(&PROPERTIES, Some(&names), None);
    let state = call.tenant.read();
    let round = Round {
        state: &state,
        facts: &call.tenant.facts,
        properties,
        minimal: call.minimal,
    };
    let mut items = Json::default();
    let next = match cursor.kind {
        Kind::First => fill(
            cursor.position,
            state.total,
            top,
            &mut items,
            &|index, json| {
                state.person(index, round.facts).is_some() && round.write(index, None, json)
            },
        ),
        _ => {
            let changed = round.changed(cursor.from, cursor.to, &names);
            let total = u32::try_from(changed.len()).unwrap_or(u32::MAX);
            fill(cursor.position, total, top, &mut items, &|at, json| {
                let (index, only) = &changed[at as usize];
                round.write(*index, only.as_ref(), json)
            })
        }
    };
    let now = call.world.clock.now();
    let (name, option, after) = match next {
        Some(position) => (
            "nextLink",
            "$skiptoken",
            Cursor {
                position,
                at: now,
                ..cursor
            },
        ),
        None => {
            let round = Cursor {
                kind: Kind::Round,
                position: 0,
                from: cursor.to,
                at: now,
                ..cursor
            };
            ("deltaLink", "$deltatoken", round)
        }
    };
    let link = call.link(&format!("{option}={}", call.world.pages.seal(&after)));
    Ok(call.collection(&items.text, None, Some((name, link))))
}

/// Where this page begins. Options belong to the first request alone: the tokens carry them on.
fn begin(call: &Call<'_>) -> Result<Cursor, GraphError> {
    let tokens = [call.query.get("$skiptoken"), call.query.get("$deltatoken")];
    if tokens.iter().flatten().any(|token| !token.is_empty())
        && (call.query.get("$select").is_some() || call.query.get("$top").is_some())
    {
        let message = "Query options cannot be given with a token: use the link as it is.";
        return Err(GraphError::bad_request(message));
    }
    match tokens {
        [Some(token), _] => call
            .page_token(token, "")
            .and_then(|cursor| match cursor.kind {
                Kind::First | Kind::Later => Ok(cursor),
                _ => Err(GraphError::bad_request(
                    "The page token is of another collection.",
                )),
            }),
        [None, Some(token)] if !token.is_empty() => resume(call, token),
        _ => {
            let select = call.query.select(call.resource)?.unwrap_or_default();
            if select.iter().any(|name| name == UNTRACKED) {
                return Err(GraphError::of_status(501));
            }
            let top = call.query.top(MOST)?.unwrap_or(PAGE);
            Ok(Cursor {
                kind: Kind::First,
                tenant: call.tenant.facts.id,
                path: call.path.to_owned(),
                query: format!("{}|{top}", select.join(",")),
                at: call.world.clock.now(),
                position: 0,
                from: 0,
                to: call.tenant.read().journal.len(),
            })
        }
    }
}

fn resume(call: &Call<'_>, token: &str) -> Result<Cursor, GraphError> {
    let known = call.world.pages.open(token).filter(|cursor| {
        cursor.kind == Kind::Round
            && cursor.tenant == call.tenant.facts.id
            && cursor.path == call.path
    });
    let Some(cursor) = known else {
        let message = "The sync state generation is not found; continuing requires a full sync.";
        return Err(GraphError::new(404, "syncStateNotFound", message));
    };
    if call.world.clock.now() - cursor.at > LIFETIME {
        return Err(GraphError::of_status(410).location(call.link("$deltatoken=")));
    }
    let to = call.tenant.read().journal.len();
    Ok(Cursor {
        kind: Kind::Later,
        to,
        ..cursor
    })
}

/// Which properties changed; none stands for the whole user.
type Only = Option<BTreeSet<String>>;

struct Round<'a> {
    state: &'a State,
    facts: &'a Facts,
    properties: Vec<&'static Property<Person>>,
    minimal: bool,
}

impl Round<'_> {
    /// Who changed in a stretch of the journal, in the order of the first change, each once.
    fn changed(&self, from: usize, to: usize, selected: &[String]) -> Vec<(u32, Only)> {
        let journal = self.state.journal.get(from..to).unwrap_or_default();
        let mut order = Vec::new();
        let mut seen: BTreeMap<u32, Only> = BTreeMap::new();
        for change in journal {
            let only = seen.entry(change.index).or_insert_with(|| {
                order.push(change.index);
                Some(BTreeSet::new())
            });
            match only {
                Some(properties) if !change.properties.is_empty() => {
                    properties.extend(change.properties.iter().cloned());
                }
                _ => *only = None,
            }
        }
        // A change of properties that nobody asked for is none.
        let concerns = |only: &Only| {
            only.as_ref()
                .is_none_or(|changed| selected.iter().any(|name| changed.contains(name)))
        };
        order
            .into_iter()
            .filter_map(|index| Some((index, seen.remove(&index)?)))
            .filter(|(_, only)| concerns(only))
            .collect()
    }

    /// Writes a user, or that it was removed: `changed` can be restored, `deleted` is gone for good.
    fn write(&self, index: u32, only: Option<&BTreeSet<String>>, json: &mut Json) -> bool {
        match self.state.person(index, self.facts) {
            Some(person) if person.deleted.is_some() => removed(&person, "changed", json),
            Some(person) => match only.filter(|_| self.minimal) {
                Some(only) => {
                    let kept = |p: &&&Property<Person>| p.name == "id" || only.contains(p.name);
                    let few: Vec<&Property<Person>> =
                        self.properties.iter().filter(kept).copied().collect();
                    users::write(&person, &few, self.state, self.facts, json)
                }
                None => users::write(&person, &self.properties, self.state, self.facts, json),
            },
            None => removed(&Person::generated(index, self.facts), "deleted", json),
        }
    }
}

fn removed(person: &Person, reason: &str, json: &mut Json) -> bool {
    json.raw("{\"id\":");
    json.uuid(person.id);
    json.raw(",\"@removed\":{\"reason\":");
    json.string(reason);
    json.raw("}}");
    true
}
