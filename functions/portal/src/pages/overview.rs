//! `/assets/microsoft365/{tenant_id}`: one client before a meeting.

use super::{
    ASSETS, INTEGRATIONS, clients,
    layout::{self, Place},
    live, trend,
    words::{self, ago_or_never, count, known},
};
use crate::{
    Context, auth::Caller, integrations, parameters::tenant, problem::Problem,
    view::IntegrationView,
};
use axum::{
    extract::{Path, State},
    response::Response,
};
use jiff::Timestamp;
use maud::{Markup, html};
use muster_domain::{
    Record, TenantId,
    datasets::{self, secure_scores::SECURE_SCORES, subscribed_skus::SUBSCRIBED_SKUS},
    sku,
    summary::{Counts, FREE_UNITS, Summary},
};
use std::sync::Arc;

/// Days of history in a trend.
const TREND_DAYS: usize = 90;

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let tenant = tenant(&id)?;
    let view = integrations::view(&context, tenant).await?;
    let store = &context.services.store;
    let mut history = store.summaries(tenant).await?;
    let from = history.len().saturating_sub(TREND_DAYS);
    history.drain(..from);
    let counts = match history.last() {
        Some(last) => last.counts.clone(),
        None => integrations::find(&context, tenant).await?.glance,
    };
    let skus = store.records_after(tenant, &SUBSCRIBED_SKUS, None).await?;
    let days = store.records_after(tenant, &SECURE_SCORES, None).await?;
    let now = muster_platform::now();
    let content = html! {
        (layout::crumbs(&[("Assets", ASSETS.to_owned())], &view.name))
        div.head {
            div {
                h1 { (view.name) }
                p.muted { (words::status(view.status)) " Last sync " (ago_or_never(view.sync.finished_at, now)) }
            }
            div.actions {
                a.button.second href=(format!("{ASSETS}/{tenant}/changes")) { "Changes" }
                @if caller.manages() { a.button.second href=(format!("{INTEGRATIONS}/{tenant}")) { "Integration" } }
            }
        }
        (cards(tenant, &counts, &history, &scores(&days.records)))
        (licences(tenant, &skus.records))
        (datasets(&view, now))
    };
    Ok(layout::answer(&view.name, Place::Assets, &caller, &content))
}

/// A link to a dataset's table, if that dataset is one of ours.
fn table(tenant: TenantId, dataset: &str, query: &[(&str, &str)]) -> Option<String> {
    datasets::find(dataset)?;
    let mut to = format!("{ASSETS}/{tenant}/{dataset}");
    if !query.is_empty() {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(query);
        to = format!("{to}?{}", text.finish());
    }
    Some(to)
}

/// The secure score of each day in per cent. Microsoft keeps the last 90 days, so that there is a
/// trend from the first sync on.
fn scores(days: &[Record]) -> Vec<Option<u64>> {
    let number = |day: &Record, name| day.get(&SECURE_SCORES, name).as_f64();
    let mut scores: Vec<(&str, Option<u64>)> = days
        .iter()
        .filter_map(|day| {
            let at = day.get(&SECURE_SCORES, "created_date_time").as_str()?;
            let (now, most) = (number(day, "current_score")?, number(day, "max_score")?);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to a percentage"
            )]
            let percent =
                (most > 0.0).then(|| (now / most * 100.0).round().clamp(0.0, 100.0) as u64);
            Some((at, percent))
        })
        .collect();
    scores.sort_unstable();
    let from = scores.len().saturating_sub(TREND_DAYS);
    scores.drain(..from);
    scores.into_iter().map(|(_, percent)| percent).collect()
}

fn cards(tenant: TenantId, counts: &Counts, history: &[Summary], score: &[Option<u64>]) -> Markup {
    let points = |of: fn(&Counts) -> Option<u64>| -> Vec<Option<u64>> {
        history.iter().map(|day| of(&day.counts)).collect()
    };
    let users = points(|c| c.users);
    let licensed_out = "account_enabled eq false and assigned_licenses_sku_id gt ''";
    html! {
        ul.figures {
            (card("Users", table(tenant, "users", &[]), &known(counts.users), &html! {
                (known(counts.users_licensed)) " licensed, " (known(counts.guests)) " guests"
            }, &trend::line(&users, &moved("Users", &users))))
            (card("Licensed, account disabled", table(tenant, "users", &[("filter", licensed_out)]),
                &flag(counts.licensed_disabled), &html! { "pay for a licence and cannot sign in" }, &html! {}))
            (card("Inactive for 90 days", table(tenant, "sign_in_activity", &[("sort", "sign_in_activity_last_successful_sign_in_date_time")]),
                &known(counts.inactive_90_days), &html! { "users without a sign-in" }, &html! {}))
            (card("Licences unassigned", table(tenant, "subscribed_skus", &[]),
                &flag(clients::unassigned(counts)),
                &html! { (known(counts.licences_assigned)) " of " (known(counts.licences_bought)) " assigned" }, &html! {}))
            (card("Devices non-compliant", table(tenant, "managed_devices", &[("filter", "compliance_state eq noncompliant")]),
                &flag(counts.devices_noncompliant), &of_all(counts.devices, "in Intune"), &html! {}))
            (card("Registered for MFA", table(tenant, "mfa_registration", &[("filter", "is_mfa_registered eq false")]),
                &known(counts.mfa_registered), &of_all(counts.mfa_users, "users"), &html! {}))
            (card("Secure score", table(tenant, "secure_scores", &[("sort", "-created_date_time")]),
                &clients::score(counts), &html! { "of what could be reached" },
                &trend::line(score, &moved("Secure score in per cent", score))))
        }
    }
}

fn of_all(n: Option<u64>, what: &str) -> Markup {
    match n {
        Some(n) => html! { "of " (count(n)) " " (what) },
        None => html! { "not known: see why in its table" },
    }
}

fn flag(n: Option<u64>) -> Markup {
    html! { span class=[n.is_some_and(|n| n > 0).then_some("warn")] { (known(n)) } }
}

fn card(
    title: &str,
    to: Option<String>,
    figure: &Markup,
    about: &Markup,
    trend: &Markup,
) -> Markup {
    html! {
        li.card {
            h2 { @match to { Some(to) => a href=(to) { (title) }, None => (title) } }
            p.figure { (figure) }
            p.muted.small { (about) }
            (trend)
        }
    }
}

fn moved(what: &str, points: &[Option<u64>]) -> String {
    let known: Vec<u64> = points.iter().flatten().copied().collect();
    match (known.first(), known.last()) {
        (Some(first), Some(last)) => {
            format!("{what}: from {first} to {last} in {} days", points.len())
        }
        _ => what.to_owned(),
    }
}

fn licences(tenant: TenantId, skus: &[Record]) -> Markup {
    let get = |record: &Record, name: &str| record.get(&SUBSCRIBED_SKUS, name).clone();
    let mut rows: Vec<(String, u64, u64)> = skus
        .iter()
        .map(|record| {
            let id = get(record, "sku_id");
            let part = get(record, "sku_part_number");
            let name = id.as_str().and_then(sku::name).map(str::to_owned);
            let name = name.or_else(|| part.as_str().map(str::to_owned));
            let number = |name: &str| get(record, name).as_u64().unwrap_or(0);
            (
                name.unwrap_or_else(|| record.key.clone()),
                number("prepaid_units_enabled"),
                number("consumed_units"),
            )
        })
        .collect();
    // What is paid for and unassigned comes first; free products hand out units by the thousand.
    rows.sort_by_key(|(name, bought, assigned)| {
        let spare = if *bought >= FREE_UNITS {
            0
        } else {
            bought.saturating_sub(*assigned)
        };
        (std::cmp::Reverse(spare), name.clone())
    });
    html! {
        @if !rows.is_empty() {
            section aria-labelledby="licences-title" {
                div.head {
                    h2 #licences-title { "Licences" }
                    a href=(format!("{ASSETS}/{tenant}/subscribed_skus")) { "All details" }
                }
                div.scroll tabindex="0" role="region" aria-labelledby="licences-title" {
                    table {
                        thead { tr { th scope="col" { "Product" } th.n scope="col" { "Bought" } th.n scope="col" { "Assigned" } th.n scope="col" { "Unassigned" } th scope="col" { span.sr { "Share assigned" } } } }
                        tbody {
                            @for (name, bought, assigned) in &rows {
                                tr {
                                    th scope="row" { (name) }
                                    @let free = *bought >= FREE_UNITS;
                                    td.n { @if free { span.muted { "free" } } @else { (count(*bought)) } }
                                    td.n { (count(*assigned)) }
                                    td.n { @if !free { (count(bought.saturating_sub(*assigned))) } }
                                    td { @if !free { (trend::bar(*assigned, *bought, &format!("{assigned} of {bought}"))) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn datasets(view: &IntegrationView, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="datasets-title" {
            h2 #datasets-title { "Everything there is" }
            ul.shelf {
                @for dataset in &view.datasets {
                    li.card {
                        h3 { a href=(format!("{ASSETS}/{}/{}", view.tenant_id, dataset.name)) { (dataset.title) } }
                        p.small { (dataset.dataset.about) }
                        p.foot {
                            strong { (known(dataset.records)) } span.muted { " records" }
                            (live::state(view, dataset))
                            span.muted.small { "as of " (ago_or_never(dataset.last_success_at, now)) }
                        }
                    }
                }
            }
        }
    }
}
