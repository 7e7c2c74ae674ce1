//! `/assets/microsoft365/{tenant_id}`: one client before a meeting.

use super::{
    ASSETS, INTEGRATIONS, clients,
    layout::{self, Place},
    live, overview_licenses, trend,
    words::{self, ago, ago_or_never, count, known},
};
use crate::{
    Context, auth::Caller, integrations, licenses, parameters::tenant, problem::Problem,
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
    count::Count,
    datasets::{
        self, managed_devices, mfa_registration,
        secure_scores::{SCORE, SECURE_SCORES},
        sign_in_activity::{ATTEMPTS_ONLY_90_DAYS, INACTIVE_90_DAYS, NEVER_USED_90_DAYS},
        subscribed_skus, users,
    },
    figure::Figure,
    summary::Summary,
    table::COUNTED_AS,
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
    let (integration, view) = integrations::with_view(&context, tenant).await?;
    let store = &context.services.store;
    let mut history = store.summaries(tenant).await?;
    let from = history.len().saturating_sub(TREND_DAYS);
    history.drain(..from);
    let counts = match history.last() {
        Some(last) => last.counts.clone(),
        None => integration.glance,
    };
    let held = licenses::of(&context, tenant).await?;
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
        (cards(tenant, &Figures(view.figures(&counts, now)), now, &history, &scores(&days.records)))
        (overview_licenses::section(tenant, &held, &view.trials_told_by(), &caller))
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

/// The counts of the tenant, each with its evidence.
struct Figures(Vec<Figure>);

impl Figures {
    fn value(&self, count: &Count) -> Option<u64> {
        self.find(count)?.value
    }

    fn find(&self, count: &Count) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.name == count.name)
    }
}

/// A card of the overview.
struct Card<'a> {
    title: &'static str,
    /// The count whose evidence is told.
    rests_on: &'static Count,
    to: Option<String>,
    figure: Markup,
    about: Markup,
    trend: Trend<'a>,
}

/// The figure whose trend a card shows, if any.
type Trend<'a> = Option<(&'static str, &'a [Option<u64>])>;

fn cards(
    tenant: TenantId,
    figures: &Figures,
    now: Timestamp,
    history: &[Summary],
    score: &[Option<u64>],
) -> Markup {
    let of = |count: &Count| figures.value(count);
    let users: Vec<Option<u64>> = (history.iter())
        .map(|day| day.counts.get(&users::ALL_USERS))
        .collect();
    let cards = [
        Card {
            title: "Users",
            rests_on: &users::ALL_USERS,
            to: table(tenant, "users", &[]),
            figure: known(of(&users::ALL_USERS)),
            about: html! { (known(of(&users::LICENSED))) " licensed, " (known(of(&users::GUESTS))) " guests" },
            trend: Some(("Users", &users)),
        },
        Card {
            title: users::LICENSED_DISABLED.title,
            rests_on: &users::LICENSED_DISABLED,
            to: counted(tenant, "users", &users::LICENSED_DISABLED),
            figure: flag(of(&users::LICENSED_DISABLED)),
            about: html! { "pay for a license and cannot sign in" },
            trend: None,
        },
        Card {
            title: INACTIVE_90_DAYS.title,
            rests_on: &INACTIVE_90_DAYS,
            to: counted(tenant, "sign_in_activity", &INACTIVE_90_DAYS),
            figure: known(of(&INACTIVE_90_DAYS)),
            about: inactive_beside(tenant, figures),
            trend: None,
        },
        Card {
            title: subscribed_skus::UNASSIGNED.title,
            rests_on: &subscribed_skus::UNASSIGNED,
            to: table(tenant, "subscribed_skus", &[]),
            figure: flag(of(&subscribed_skus::UNASSIGNED)),
            about: clients::licenses_apart(&of),
            trend: None,
        },
        Card {
            title: managed_devices::NONCOMPLIANT.title,
            rests_on: &managed_devices::NONCOMPLIANT,
            to: counted(tenant, "managed_devices", &managed_devices::NONCOMPLIANT),
            figure: flag(of(&managed_devices::NONCOMPLIANT)),
            about: of_all(of(&managed_devices::ALL_DEVICES), "in Intune"),
            trend: None,
        },
        Card {
            title: mfa_registration::REGISTERED.title,
            rests_on: &mfa_registration::REGISTERED,
            to: table(
                tenant,
                "mfa_registration",
                &[("filter", "is_mfa_registered eq false")],
            ),
            figure: known(of(&mfa_registration::REGISTERED)),
            about: of_all(of(&mfa_registration::REPORTED), "users"),
            trend: None,
        },
        Card {
            title: SCORE.title,
            rests_on: &SCORE,
            to: table(tenant, "secure_scores", &[("sort", "-created_date_time")]),
            figure: clients::score(&of),
            about: html! { "of what could be reached" },
            trend: Some(("Secure score in per cent", score)),
        },
    ];
    html! {
        ul.figures { @for card in &cards { (show(card, figures, now)) } }
    }
}

/// A link to the records that a count counts.
fn counted(tenant: TenantId, dataset: &str, count: &Count) -> Option<String> {
    let filter = format!("{COUNTED_AS}{}", count.name);
    table(tenant, dataset, &[("filter", &filter)])
}

/// Who is neither active nor inactive for sure, beside those who are inactive.
fn inactive_beside(tenant: TenantId, figures: &Figures) -> Markup {
    let beside = [
        (&ATTEMPTS_ONLY_90_DAYS, "with attempts only"),
        (&NEVER_USED_90_DAYS, "new and not used yet"),
    ];
    let some = beside.map(|(count, what)| {
        let n = figures.value(count).filter(|n| *n > 0)?;
        Some((n, what, counted(tenant, "sign_in_activity", count)?))
    });
    let some: Vec<_> = some.into_iter().flatten().collect();
    html! {
        "users without a sign-in"
        @if !some.is_empty() { "; not among them: " }
        @for (i, (n, what, to)) in some.iter().enumerate() {
            @if i > 0 { ", " }
            a href=(to) { (count(*n)) " " (what) }
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

fn show(card: &Card<'_>, figures: &Figures, now: Timestamp) -> Markup {
    html! {
        li.card {
            h2 { @match &card.to { Some(to) => a href=(to) { (card.title) }, None => (card.title) } }
            p.figure { (card.figure) }
            p.muted.small { (card.about) }
            @if let Some(figure) = figures.find(card.rests_on) { (evidence(figure, now)) }
            @if let Some((what, points)) = card.trend { (trend::line(points, &moved(what, points))) }
        }
    }
}

/// The evidence and date of a figure, or the reason why it is not known.
fn evidence(figure: &Figure, now: Timestamp) -> Markup {
    html! {
        p.muted.small title=(figure.detail) {
            @match figure.as_of {
                Some(at) if figure.old => {
                    (figure.evidence) ", "
                    "as of " (words::old(at, now))
                }
                Some(at) => { (figure.evidence) ", as of " (ago(at, now)) }
                None => (figure.detail),
            }
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
                            span.muted.small { "as of " (words::as_of(dataset, now)) }
                        }
                    }
                }
            }
        }
    }
}
