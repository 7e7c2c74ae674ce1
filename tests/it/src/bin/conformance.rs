//! Syncs a directory of recorded Graph bodies through the real stack and compares every column of
//! every record with the body it came from. Reads the bodies by itself: what Muster makes of them is
//! not asked of Muster's own parser.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use microsoft_simulator::{Options, TenantOptions};
use muster_domain::{Dataset, Enumeration, Kind, dataset::Key, datasets};
use muster_it::{World, dataset, tenant};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What was compared.
#[derive(Debug, Default)]
struct Tally {
    bodies: u64,
    records: u64,
    columns: u64,
    unkeyed: u64,
}

/// Datasets whose documented body a directory may lack: their columns are held against their fixture in
/// `shared/domain/fixtures` alone. A body that is there is compared all the same.
const NOT_RECORDED: [&str; 1] = ["subscriptions"];

#[tokio::main]
async fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: conformance DIR, a directory of recorded bodies with an INDEX.json");
        return ExitCode::from(2);
    };
    match run(&dir).await {
        Ok(tally) => {
            println!(
                "{} bodies, {} records, {} columns compared, all equal; {} objects without a key were refused, and said so",
                tally.bodies, tally.records, tally.columns, tally.unkeyed,
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("conformance: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(dir: &Path) -> Result<Tally> {
    let bodies = bodies(dir)?;
    let rounds = bodies.values().map(Vec::len).max().unwrap_or(0);
    for dataset in datasets::ALL {
        let name = dataset.name;
        let recorded = bodies.contains_key(name);
        ensure!(
            recorded || NOT_RECORDED.contains(&name),
            "there is no body for {name}"
        );
        if !recorded {
            println!("{name:<18} no body is recorded");
        }
    }
    let mut tally = Tally::default();
    for round in 0..rounds {
        let asked = tenant("Recorded", 0);
        let world = World::with(Options {
            bodies: Some(dir.to_owned()),
            ..Options::default()
        })
        .await?;
        for dataset in datasets::ALL {
            if let Some(name) = bodies.get(dataset.name).and_then(|all| all.get(round)) {
                world
                    .simulator
                    .serve_body(&format!("/v1.0{}", dataset.path), name);
            }
        }
        world.create(&asked).await?;
        let integration = world.sync(asked.id).await?;
        for dataset in datasets::ALL {
            if let Some(name) = bodies.get(dataset.name).and_then(|all| all.get(round)) {
                compare(&world, &asked, &integration, dataset, dir, name, &mut tally)
                    .await
                    .with_context(|| format!("{} from {name}", dataset.name))?;
            }
        }
    }
    Ok(tally)
}

/// The names of the bodies that answer each dataset's request.
fn bodies(dir: &Path) -> Result<BTreeMap<&'static str, Vec<String>>> {
    let index = fs::read(dir.join("INDEX.json"))
        .with_context(|| format!("{} has no INDEX.json", dir.display()))?;
    let index: BTreeMap<String, Value> = serde_json::from_slice(&index)?;
    let mut found: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for (name, entry) in &index {
        let request = entry["request"].as_str().unwrap_or_default();
        let Some(path) = request.strip_prefix("GET ").and_then(path_of) else {
            continue;
        };
        let wanted = datasets::ALL
            .iter()
            .find(|d| plain(d.path) == plain(&path) && answers(d, request));
        if let Some(dataset) = wanted {
            found.entry(dataset.name).or_default().push(name.clone());
        }
    }
    Ok(found)
}

fn path_of(request: &str) -> Option<String> {
    let (_, path) = request.split_once("graph.microsoft.com/v1.0")?;
    Some(
        path.split(['?', '\n'])
            .next()
            .unwrap_or_default()
            .to_owned(),
    )
}

/// A path without a function's arguments; devices are documented below a user.
fn plain(path: &str) -> String {
    let path = path.split('(').next().unwrap_or_default();
    path.replace(
        "/users/{usersId}/managedDevices",
        "/deviceManagement/managedDevices",
    )
}

/// Of the documented answers of `/users`, only those that hold what is selected are for the dataset
/// that selects it.
fn answers(dataset: &Dataset, request: &str) -> bool {
    dataset.name != "sign_in_activity" || request.contains("signInActivity")
}

async fn compare(
    world: &World,
    tenant: &TenantOptions,
    integration: &Value,
    of: &'static Dataset,
    dir: &Path,
    name: &str,
    tally: &mut Tally,
) -> Result<()> {
    let held = world.records(tenant.id, of.name).await?;
    let state = dataset(integration, of.name);
    tally.bodies += 1;
    if of.enumeration == Enumeration::Report {
        let text = fs::read_to_string(dir.join(format!("{name}.csv")))?;
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let headers = reader.headers()?.clone();
        for header in &headers {
            ensure!(
                of.columns.iter().any(|column| column.source == header),
                "no column for the header {header:?}"
            );
            tally.columns += 1;
        }
        let rows = reader.records().count();
        ensure!(
            rows == held.len(),
            "{rows} rows became {} records",
            held.len()
        );
        ensure!(state["state"] == "fresh", "the state is {state}");
        println!(
            "{:<18} {name:<32} {:>3} headers, {rows} rows",
            of.name,
            headers.len()
        );
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&fs::read(dir.join(format!("{name}.json")))?)?;
    let objects = match &body["value"] {
        Value::Array(objects) => objects.clone(),
        object @ Value::Object(_) => vec![object.clone()],
        _ => vec![body.clone()],
    };
    let (mut kept, mut unkeyed) = (0, 0);
    for object in &objects {
        let Some(key) = key(of, object) else {
            unkeyed += 1;
            continue;
        };
        let record = held
            .get(&key)
            .with_context(|| format!("{key} is not held"))?;
        for column in of.columns {
            let expected = expected(column.kind, &walk(object, column.source));
            let found = record.get(column.name).unwrap_or(&Value::Null);
            ensure!(
                same(column.kind, &expected, found),
                "{key}: {} is {found}, and in the body {expected}",
                column.name
            );
            tally.columns += 1;
        }
        kept += 1;
    }
    ensure!(
        kept == held.len(),
        "{kept} objects became {} records",
        held.len()
    );
    let wanted = if unkeyed == 0 { "fresh" } else { "incomplete" };
    ensure!(
        state["state"] == wanted,
        "the state is not {wanted}: {state}"
    );
    tally.records += kept as u64;
    tally.unkeyed += unkeyed;
    println!(
        "{:<18} {name:<32} {kept:>3} records x {} columns, {unkeyed} without a key",
        of.name,
        of.columns.len()
    );
    Ok(())
}

fn key(of: &Dataset, object: &Value) -> Option<String> {
    let text = |name: &str| {
        let column = of.columns.iter().find(|column| column.name == name)?;
        walk(object, column.source).as_str().map(str::to_owned)
    };
    match of.key {
        Key::Column(name) => text(name),
        Key::Shared(shared) => text(shared.column).map(|name| name.to_lowercase()),
        Key::ColumnOr(name, other) => text(name).or_else(|| text(other)),
        Key::Constant(key) => Some(key.to_owned()),
    }
}

/// The value at `a/b`; of a list, the list of what its items hold there.
fn walk(value: &Value, path: &str) -> Value {
    let (name, rest) = path
        .split_once('/')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    if let Value::Array(items) = value {
        return items
            .iter()
            .map(|item| walk(item, path))
            .filter(|found| !found.is_null())
            .collect();
    }
    let found = value.get(name).cloned().unwrap_or(Value::Null);
    match rest {
        Some(rest) => walk(&found, rest),
        None => found,
    }
}

fn expected(kind: Kind, value: &Value) -> Value {
    let never = value
        .as_str()
        .is_some_and(|text| text.is_empty() || text.starts_with("0001-01-01"));
    match kind {
        Kind::DateTime | Kind::Date if never => Value::Null,
        _ => value.clone(),
    }
}

/// Equal; instants are, whatever offset they are written in.
fn same(kind: Kind, expected: &Value, found: &Value) -> bool {
    if expected == found {
        return true;
    }
    let instant = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
    };
    kind == Kind::DateTime && instant(expected).is_some() && instant(expected) == instant(found)
}
