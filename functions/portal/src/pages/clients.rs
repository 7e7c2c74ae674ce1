//! `/`: all clients at a glance.

use super::{
    ASSETS, INTEGRATIONS,
    layout::{self, Place},
    words::{self, ago_or_never, count, known},
};
use crate::{Context, auth::Caller, integrations, problem::Problem, view::ListedView};
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use maud::{Markup, html};
use muster_domain::{
    count::Count,
    datasets::{
        managed_devices,
        secure_scores::{MAX_SCORE, SCORE},
        sign_in_activity::INACTIVE_90_DAYS,
        subscribed_skus, users,
    },
    expiry,
    figure::is_old,
    integration::Status,
    summary::Counts,
};
use std::sync::Arc;

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let all = integrations::all(&context).await?;
    let clients = integrations::listed(&context, all).await?;
    let now = muster_platform::now();
    let content = html! {
        div.head {
            h1 { "Clients" }
            @if caller.manages() && !clients.is_empty() {
                a.button href=(format!("{INTEGRATIONS}/new")) { "Add a client" }
            }
        }
        @if clients.is_empty() {
            (empty(&caller))
        } @else {
            (tiles(&clients, now))
            (table(&clients, &caller, now))
        }
    };
    Ok(layout::answer("Clients", Place::Clients, &caller, &content))
}

/// What is seen before the first client is there.
pub fn empty(caller: &Caller) -> Markup {
    html! {
        div.empty.card {
            h2 { "No client is connected yet" }
            p { "Connect a client's Microsoft 365 tenant, and Muster keeps an inventory of its users, licences, devices and security posture." }
            @if caller.manages() {
                p.actions { a.button href=(format!("{INTEGRATIONS}/new")) { "Add your first client" } }
                p.muted { "It takes about ten minutes. You need an app registration in the client's Entra; the form says where to find everything." }
            } @else {
                p.muted { "A colleague who manages integrations can add one." }
            }
        }
    }
}

fn tiles(clients: &[ListedView], now: Timestamp) -> Markup {
    let attention = clients
        .iter()
        .filter(|c| matches!(c.status, Status::NeedsAttention | Status::CannotBeRead))
        .count();
    let lapsing = clients
        .iter()
        .filter_map(|c| c.credential.expires_at)
        .filter(|at| expiry::days_left(*at, now) <= 30)
        .count();
    let sum = |of: &dyn Fn(&Counts) -> Option<u64>| -> Option<u64> {
        let known: Vec<u64> = clients.iter().filter_map(|c| of(&c.glance)).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    };
    let unassigned = sum(&|counts| counts.get(&subscribed_skus::UNASSIGNED));
    let over = sum(&|counts| counts.get(&subscribed_skus::OVER_ASSIGNED));
    html! {
        ul.tiles {
            li { span.figure { (count(clients.len() as u64)) } " clients" }
            li class=[(attention > 0).then_some("bad")] { span.figure { (attention) } " need attention" }
            li { span.figure { (known(sum(&|c| c.get(&users::ALL_USERS)))) } " users" }
            li { span.figure { (known(unassigned)) } " licenses unassigned" }
            li class=[over.is_some_and(|n| n > 0).then_some("warn")] { span.figure { (known(over)) } " licenses over-assigned" }
            li class=[(lapsing > 0).then_some("warn")] { span.figure { (lapsing) } " credentials lapse within 30 days" }
        }
    }
}

/// The licenses assigned of those that are usable, and whatever of them needs a look.
pub fn licenses_apart(of: &impl Fn(&Count) -> Option<u64>) -> Markup {
    let apart = [
        (&subscribed_skus::OVER_ASSIGNED, "over-assigned", true),
        (&subscribed_skus::IN_GRACE, "in grace", true),
        (&subscribed_skus::SUSPENDED, "suspended", true),
        (&subscribed_skus::LOCKED_OUT, "locked out", true),
        (&subscribed_skus::TRIAL, "on trial", false),
    ];
    html! {
        (known(of(&subscribed_skus::ASSIGNED))) " of " (known(of(&subscribed_skus::BOUGHT))) " assigned"
        @for (counted, words, warns) in apart {
            @if let Some(n) = of(counted).filter(|n| *n > 0) {
                ", " span class=[warns.then_some("warn")] { (count(n)) " " (words) }
            }
        }
    }
}

fn table(clients: &[ListedView], caller: &Caller, now: Timestamp) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Clients at a glance" {
            table {
                thead { tr {
                    th scope="col" { "Client" }
                    th scope="col" { "Status" }
                    th.n scope="col" { "Users" }
                    th.n scope="col" title="Users with a licence whose account is disabled" { "Licensed, disabled" }
                    th.n scope="col" title=(format!("{}, {}", INACTIVE_90_DAYS.title, INACTIVE_90_DAYS.evidence)) { "Inactive" }
                    th scope="col" { "Licenses" }
                    th.n scope="col" title="Intune devices that are not compliant" { "Non-compliant" }
                    th.n scope="col" { "Secure score" }
                    th scope="col" { "Last sync" }
                    th scope="col" { "Secret expires" }
                } }
                tbody { @for client in clients { (row(client, caller, now)) } }
            }
        }
    }
}

fn row(client: &ListedView, caller: &Caller, now: Timestamp) -> Markup {
    let glance = &client.glance;
    let page = format!("{INTEGRATIONS}/{}", client.tenant_id);
    html! {
        tr {
            th scope="row" { a href=(format!("{ASSETS}/{}", client.tenant_id)) { (client.name) } }
            td {
                @if caller.manages() { a.plain href=(page) { (words::status(client.status)) } }
                @else { (words::status(client.status)) }
            }
            td.n { (known(glance.get(&users::ALL_USERS))) }
            td.n { (flagged(glance.get(&users::LICENSED_DISABLED))) }
            td.n { (known(glance.get(&INACTIVE_90_DAYS))) }
            td { (licences(glance)) }
            td.n { (flagged(glance.get(&managed_devices::NONCOMPLIANT))) }
            td.n {
                (score(&|count| glance.get(count)))
                @if let Some(at) = old_score(glance, now) { div.small.dated { "as of " (words::old(at, now)) } }
            }
            td {
                @if client.sync.running { span.busy { "syncing" } }
                @else { (ago_or_never(client.last_sync_at, now)) }
            }
            td { (words::expires(client.credential.expires_at, now)) }
        }
    }
}

fn flagged(n: Option<u64>) -> Markup {
    html! { span class=[n.is_some_and(|n| n > 0).then_some("warn")] { (known(n)) } }
}

/// Licenses assigned of those bought.
pub fn licences(counts: &Counts) -> Markup {
    match (
        counts.get(&subscribed_skus::BOUGHT),
        counts.get(&subscribed_skus::ASSIGNED),
    ) {
        (Some(bought), Some(assigned)) => html! {
            div.taken {
                (super::trend::bar(assigned, bought, ""))
                span { (licenses_apart(&|count| counts.get(count))) }
            }
        },
        _ => words::unknown(),
    }
}

/// The secure score in per cent of what could be reached.
pub fn score(of: &impl Fn(&Count) -> Option<u64>) -> Markup {
    match percent(of) {
        Some(percent) => html! { (percent) " %" },
        None => words::unknown(),
    }
}

/// The date of a secure score, if it is old.
pub fn old_score(counts: &Counts, now: Timestamp) -> Option<Timestamp> {
    let known = percent(&|count| counts.get(count));
    let at = counts.as_of(&SCORE).filter(|at| is_old(*at, now));
    known.and(at)
}

/// The same as a number.
pub fn percent(of: &impl Fn(&Count) -> Option<u64>) -> Option<u64> {
    let max = of(&MAX_SCORE).filter(|max| *max > 0)?;
    let points = of(&SCORE)?;
    Some(points.saturating_mul(100).saturating_add(max / 2) / max)
}
