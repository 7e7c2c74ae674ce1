//! `make bench`: what syncs cost, measured; and its longer runs.

use anyhow::{Context, Result, bail};
use muster_bench::{
    cost,
    door::Batches,
    hostile, many, python,
    replay::Gate,
    report::{self, Row},
    share,
    tenant::{How, Measured, Tenant},
    whole,
};
use muster_domain::{
    index::{self, Index, Mark},
    record::digest,
};
use std::{path::Path, time::Duration};

const USAGE: &str = "usage: bench [tables [USERS …]] | function [MEGABYTES [USERS [GRAPH_MS [STORE_MS]]]] | chain [USERS [SECONDS]] | pace [USERS] | many [TENANTS [USERS]] | starts | whole [USERS …] | cost [USERS …] | hostile | beside [USERS [CLIENTS]]";
/// The smallest function that Lambda has: megabytes, users, how long Graph takes for a page and the store
/// for a batch, in milliseconds.
const SMALL_FUNCTION: [u32; 4] = [128, 10_000, 300, 8];
/// Users alone: one dataset, one list.
const USERS_ALONE: &[&str] = &["User.Read.All"];
/// And when they last signed in.
const WITH_SIGN_INS: &[&str] = &["User.Read.All", "AuditLog.Read.All"];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (word, rest) = match args.split_first() {
        Some((word, rest)) => (word.as_str(), rest),
        None => ("tables", &[][..]),
    };
    let sizes = rest
        .iter()
        .map(|size| size.parse().with_context(|| USAGE))
        .collect::<Result<Vec<u32>>>()?;
    let or = |default: &[u32]| match sizes.is_empty() {
        true => default.to_vec(),
        false => sizes.clone(),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    match word {
        "tables" => runtime.block_on(tables(&or(&[10_000, 100_000]))),
        "function" if sizes.len() <= SMALL_FUNCTION.len() => {
            let mut settings = SMALL_FUNCTION;
            settings[..sizes.len()].copy_from_slice(&sizes);
            let python = python::interpreter()?;
            print!("{}", report::HEAD);
            runtime.block_on(function(settings, &python, &mut String::new()))
        }
        "chain" => match or(&[500_000, 25])[..] {
            [users] => runtime.block_on(chain(users, 25)),
            [users, seconds] => runtime.block_on(chain(users, seconds)),
            _ => bail!(USAGE),
        },
        "pace" => match or(&[40_000])[..] {
            [users] => runtime.block_on(pace(users)),
            _ => bail!(USAGE),
        },
        "many" => match or(&[1_000, 20])[..] {
            [tenants] => runtime.block_on(many::run(tenants, 20)),
            [tenants, users] => runtime.block_on(many::run(tenants, users)),
            _ => bail!(USAGE),
        },
        "starts" if sizes.is_empty() => runtime.block_on(starts(&mut String::new())),
        "whole" => runtime.block_on(whole::run(&or(&[1_000, 50_000]))),
        "hostile" if sizes.is_empty() => runtime.block_on(hostile::memory()),
        "beside" => match or(&[20_000, 16])[..] {
            [users] => runtime.block_on(hostile::pace(users, 16)),
            [users, clients] => runtime.block_on(hostile::pace(users, clients)),
            _ => bail!(USAGE),
        },
        "cost" => runtime.block_on(cost::run(&or(&[100, 1_000]))),
        _ => bail!(USAGE),
    }
}

/// The tables of `docs/performance.md`, written into it.
async fn tables(sizes: &[u32]) -> Result<()> {
    let python = python::interpreter()?;
    let mut text = format!("{}\n\n", report::machine()?);
    say(&mut text, report::HEAD);
    for &users in sizes {
        enumerations(users, &python, &mut text).await?;
    }
    let mut days = String::new();
    for &users in sizes.iter().filter(|users| **users <= 10_000) {
        days += &steady_day(users, &mut text).await?;
    }
    function(SMALL_FUNCTION, &python, &mut text).await?;
    say(&mut text, &days);
    starts(&mut text).await?;
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.md");
    report::write(Path::new(page), &text)
}

fn say(text: &mut String, line: &str) {
    print!("{line}");
    text.push_str(line);
}

fn row(name: String, records: u32, fewest: Option<u64>, measured: Measured) -> Row {
    Row {
        name,
        records: f64::from(records),
        fewest,
        measured,
    }
}

/// How long it takes from a process's start to its first request to Graph.
async fn starts(text: &mut String) -> Result<()> {
    const STARTS: usize = 25;
    let tenant = Tenant::connect(100, USERS_ALONE).await?;
    tenant.sync(How::default()).await?;
    let (mut took, mut own) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        tenant.ask(false).await?;
        let measured = tenant.sync(How::default()).await?;
        took.push(measured.to_first_request);
        own.push(measured.to_first_request - measured.waited_first);
    }
    let [took, own] = [took, own].map(|mut took| {
        took.sort();
        let [fastest, median, slowest] =
            [0, STARTS / 2, STARTS - 1].map(|nth| took[nth].as_secs_f64() * 1e3);
        format!("{median:.1} ms ({fastest:.1} to {slowest:.1})")
    });
    let line = format!(
        "\nFrom the start of the process to its first request to Graph: {took}, the median of {STARTS} starts, and {own} without the embedded store's answers to three questions (the integration, the lease, the states).\n",
    );
    say(text, &line);
    Ok(())
}

/// A first sync and one of everything with nothing changed, beside the reference.
async fn enumerations(users: u32, python: &Path, text: &mut String) -> Result<()> {
    let how = How {
        batches: Batches::Accepted,
        ..How::default()
    };
    let (mut firsts, mut wholes, mut rounds) = (Vec::new(), Vec::new(), Vec::new());
    let mut tenant = None;
    for _ in 0..TRIES {
        // One at a time: each holds all its pages.
        drop(tenant.take());
        let fresh = tenant.insert(Tenant::connect(users, USERS_ALONE).await?);
        firsts.push(fresh.sync(how).await?);
        fresh.ask(true).await?;
        wholes.push(fresh.sync(how).await?);
        fresh.ask(false).await?;
        rounds.push(fresh.sync(how).await?);
    }
    let tenant = tenant.context("a tenant")?;
    let pages = Some(tenant.user_pages);
    for (what, fewest, tries) in [
        ("first sync", pages, firsts),
        ("all enumerated, nothing changed", pages, wholes),
        ("delta round, nothing changed", Some(1), rounds),
    ] {
        let name = format!("Muster, {users} users, {what}");
        say(text, &row(name, users, fewest, median(tries)?).line());
    }
    let reference = tenant.reference(python.to_owned(), how).await?;
    let name = format!("Python, {users} users, every sync");
    say(text, &row(name, users, pages, reference).line());
    Ok(())
}

/// Other work on the machine makes single tries dear.
const TRIES: usize = 3;

/// The try that took as much CPU as the middle one.
fn median(mut tries: Vec<Measured>) -> Result<Measured> {
    tries.sort_by(|a, b| a.used.cpu_seconds.total_cmp(&b.used.cpu_seconds));
    let middle = tries.len() / 2;
    tries.into_iter().nth(middle).context("a try")
}

/// A day on which 1 % of the users changed and 60 % signed in.
async fn steady_day(users: u32, text: &mut String) -> Result<String> {
    let mut tenant = Tenant::connect(users, WITH_SIGN_INS).await?;
    let first = tenant.sync(How::default()).await?;
    let name = format!("Muster, {users} users and their sign-ins, first sync, stored");
    say(text, &row(name, users, None, first).line());
    tenant.microsoft.change_users(users / 100);
    tenant.record().await?;
    tenant.graph.sign_in(60);
    tenant.ask(false).await?;
    let day = tenant.sync(How::default()).await?;
    let name = format!("Muster, {users} users, 1 % changed, 60 % signed in");
    let written = day.passed.written.clone();
    say(text, &row(name, users, None, day).line());
    tenant.ask(false).await?;
    let quiet = tenant.sync(How::default()).await?;
    let name = format!("Muster, {users} users, everything due, nothing changed");
    say(text, &row(name, users, None, quiet).line());
    let of = |what: &str| written.get(what).copied().unwrap_or(0.0);
    let (changed, packed) = (of("users") + of("sign_in_activity"), of("moving"));
    let (told, index) = (of("changes"), of("index"));
    let all: f64 = written.values().sum();
    let rest = all - changed - packed - told - index;
    let limit = 2.0 * (changed + packed);
    Ok(format!(
        "\nThe day on which 1 % of {users} users changed and 60 % signed in took {all:.0} write units: {changed:.0} for the records that changed, {packed:.0} for the sign-ins, which are packed, {told:.0} for the changes told, {index:.0} for the index, {rest:.0} for states, lease and summary. The limit, twice what changed and was packed, is {limit:.0}.\n"
    ))
}

/// A first sync on a function of so many megabytes, and the reference on the same.
async fn function(
    [megabytes, users, graph_ms, store_ms]: [u32; 4],
    python: &Path,
    text: &mut String,
) -> Result<()> {
    let tenant = Tenant::connect(users, USERS_ALONE).await?;
    let how = How {
        share: Some(share::of_memory(f64::from(megabytes)).min(1.0)),
        batches: Batches::Accepted,
        graph_latency: Duration::from_millis(graph_ms.into()),
        store_latency: Duration::from_millis(store_ms.into()),
        ..How::default()
    };
    let pages = Some(tenant.user_pages);
    let first = tenant.sync(how).await?;
    let name = format!(
        "Muster, {users} users, first sync, at a {megabytes} MB function's share, {graph_ms} ms a page, {store_ms} ms a batch"
    );
    say(text, &row(name, users, pages, first).line());
    let reference = tenant.reference(python.to_owned(), how).await?;
    let name = "Python, the same".to_owned();
    say(text, &row(name, users, pages, reference).line());
    Ok(())
}

/// A first sync under a limit that it cannot keep, by as many invocations as it takes.
async fn chain(users: u32, seconds: u32) -> Result<()> {
    let tenant = Tenant::connect(users, USERS_ALONE).await?;
    let how = How {
        batches: Batches::Accepted,
        limit_seconds: Some(u64::from(seconds)),
        ..How::default()
    };
    let measured = tenant.sync(how).await?;
    let done = measured.done;
    println!(
        "{users} users under a limit of {seconds} s: {} invocations, {} records held, {:?} users counted",
        done.invocations, done.records, done.users
    );
    print!("{}", report::HEAD);
    let name = format!("Muster, {users} users, {} invocations", done.invocations);
    let pages = Some(tenant.user_pages);
    let peak = measured.used.peak_megabytes;
    print!("{}", row(name, users, pages, measured).line());
    let index = index_megabytes(users);
    println!(
        "the index of {users} records takes {index:.1} MB; the peak without it is {:.1} MB",
        peak - index
    );
    anyhow::ensure!(done.users == Some(u64::from(users)), "not all of them");
    Ok(())
}

/// What the index of so many records takes in memory, when they come in no order.
#[expect(
    clippy::cast_precision_loss,
    reason = "an index has far less than 2^52 bytes"
)]
fn index_megabytes(records: u32) -> f64 {
    let mut held = Index::new();
    for number in 0..records {
        let name = number.to_string();
        held.stored(index::name(&name), Mark::of(digest(&name)));
    }
    held.memory() as f64 / (1024.0 * 1024.0)
}

/// The reports on authentication methods, 5 requests in 10 seconds, against a bucket of that quota.
async fn pace(users: u32) -> Result<()> {
    let tenant = Tenant::connect(users, WITH_SIGN_INS).await?;
    let service = muster_domain::pace::Service::IdentityReports;
    let quota = service.quota().context("it has a quota")?;
    let gate = Gate::new("/reports/authenticationMethods/", quota);
    tenant.graph.set_gate(Some(gate));
    let how = How {
        batches: Batches::Accepted,
        within_quotas: true,
        ..How::default()
    };
    let measured = tenant.sync(how).await?;
    let gate = tenant.graph.set_gate(None).context("the gate")?;
    println!(
        "{} requests in {:.0} s: {:.1} % of the quota used, {} answered 429, {} sent while told to wait",
        gate.granted,
        measured.done.seconds,
        gate.used() * 100.0,
        gate.refused,
        gate.asked_while_closed
    );
    Ok(())
}
