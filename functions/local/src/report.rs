//! Progress and results in the terminal.

use crate::api::Api;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use muster_domain::TenantId;
use serde_json::Value;
use std::time::Duration;

/// Watches a tenant's sync to its end, with one line of progress; gives the integration as it is
/// then.
///
/// # Errors
/// When the API does not answer, or the sync does not end in ten minutes.
pub(crate) async fn watch(
    api: &Api,
    tenant: TenantId,
    since: Option<String>,
    bars: &MultiProgress,
) -> anyhow::Result<Value> {
    let bar = bars.add(ProgressBar::new(muster_domain::datasets::ALL.len() as u64));
    if let Ok(style) =
        ProgressStyle::with_template("{prefix:<24} {bar:24} {pos:>2}/{len} datasets  {msg}")
    {
        bar.set_style(style);
    }
    // What was put off or given up before says nothing of this sync.
    let mut before = None;
    for _ in 0..6000 {
        let integration = api.get(&format!("/api/v1/integrations/{tenant}")).await?;
        bar.set_prefix(text(&integration, "name").to_owned());
        let datasets = list(&integration, "datasets");
        let settled = datasets
            .iter()
            .filter(|d| matches!(text(d, "state"), "fresh" | "blocked" | "off" | "incomplete"))
            .count();
        let read: u64 = datasets.iter().map(|d| count(d, "read")).sum();
        bar.set_position(settled as u64);
        bar.set_message(format!("{read} records read"));
        let finished = integration["sync"]["finished_at"]
            .as_str()
            .map(str::to_owned);
        let refused = list(&integration, "problems")
            .iter()
            .any(|p| text(p, "kind") == "sign_in_refused");
        let put_off = problem(&integration, "sign_in_waits").map(str::to_owned);
        let given_up = integration["sync"]["failure"]["at"].as_str();
        let now = (put_off, given_up.map(str::to_owned));
        let before = before.get_or_insert_with(|| now.clone());
        if refused
            || (now.0.is_some() && now.0 != before.0)
            || (now.1.is_some() && now.1 != before.1)
            || (finished.is_some() && finished != since && integration["sync"]["running"] == false)
        {
            bar.finish();
            return Ok(integration);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!(
        "the sync of {tenant} has not ended in ten minutes; see its page for where it stands"
    )
}

/// The sentence of the problem of this kind.
pub(crate) fn problem<'a>(integration: &'a Value, kind: &str) -> Option<&'a str> {
    let problems = list(integration, "problems");
    let of_kind = problems.iter().find(|p| text(p, "kind") == kind);
    of_kind.map(|p| text(p, "sentence"))
}

/// Prints what a sync did, a line a dataset.
pub(crate) fn print(integration: &Value) {
    println!(
        "\n{}  {}",
        text(integration, "name"),
        text(integration, "tenant_id")
    );
    println!(
        "  {:<18} {:>8} {:>8} {:>9} {:>8} {:>9} {:>9}",
        "dataset", "read", "written", "unchanged", "removed", "requests", "time"
    );
    for dataset in list(integration, "datasets") {
        let said = match text(dataset, "state") {
            "fresh" => String::new(),
            "blocked" => text(dataset, "label").to_owned(),
            state => format!("{state} {}", text(dataset, "trouble")),
        };
        println!(
            "  {:<18} {:>8} {:>8} {:>9} {:>8} {:>9} {:>9}  {}",
            text(dataset, "name"),
            count(dataset, "read"),
            count(dataset, "written"),
            count(dataset, "unchanged"),
            count(dataset, "removed"),
            count(dataset, "requests"),
            seconds(count(dataset, "took_ms")),
            said.trim(),
        );
    }
    let last = &integration["sync"]["last"];
    let sum = |name: &str| last[name].as_u64().unwrap_or(0);
    println!(
        "  {:<18} {:>8} {:>8} {:>9} {:>8} {:>9} {:>9}",
        "all",
        sum("read"),
        sum("written"),
        sum("unchanged"),
        sum("removed"),
        sum("requests"),
        seconds(sum("took_ms")),
    );
    for problem in list(integration, "problems") {
        println!("  ! {}", text(problem, "sentence"));
    }
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn count(dataset: &Value, name: &str) -> u64 {
    dataset["progress"][name].as_u64().unwrap_or(0)
}

fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
}
