//! The part of an integration's page that is alive: status, problems, permissions, datasets.

use super::{
    ASSETS, INTEGRATIONS,
    entra::{self, Blade},
    layout,
    words::{self, ago, ago_or_never, count},
};
use crate::{
    auth::Caller,
    view::{DatasetView, IntegrationView},
};
use jiff::Timestamp;
use maud::{Markup, html};
use muster_domain::{
    Permission,
    integration::{PermissionState, Problem},
    state::Phase,
};

/// The fragment. `data-busy` sets the pace of the script that fetches it again; `data-says` is
/// what a screen reader is told, and changes seldom.
pub fn fragment(view: &IntegrationView, caller: &Caller, now: Timestamp) -> Markup {
    let busy = view.sync.running || view.sync.queued;
    let waits = view.problems.iter().any(|p| p.kind == "waiting_for_roles");
    html! {
        div.alive data-busy=(busy || waits) data-says=(says(view)) {
            (banner(view, now))
            (problems(view, caller, now))
            (datasets(view, now))
            (permissions(view))
        }
    }
}

fn done(view: &IntegrationView) -> (usize, usize) {
    let tried: Vec<&DatasetView> = view
        .datasets
        .iter()
        .filter(|d| d.enabled && d.verdict.allows())
        .collect();
    let begun = view.sync.started_at;
    let done = tried
        .iter()
        .filter(|d| d.state != Phase::Running && d.last_attempt_at >= begun)
        .count();
    (done, tried.len())
}

fn says(view: &IntegrationView) -> String {
    let status = view.status.title();
    if view.sync.running {
        let (done, of) = done(view);
        format!("{status}. Syncing: {done} of {of} datasets looked at.")
    } else if view.sync.queued {
        format!("{status}. A sync is on its way.")
    } else {
        format!("{status}.")
    }
}

fn banner(view: &IntegrationView, now: Timestamp) -> Markup {
    let last = &view.sync.last;
    html! {
        div.banner {
            (words::status(view.status))
            @if view.sync.running {
                @let (done, of) = done(view);
                span.busy { "Syncing" }
                progress max=(of) value=(done) { (done) " of " (of) }
                span.muted { (done) " of " (of) " datasets" }
            } @else if view.sync.queued {
                span.busy { "A sync is on its way" }
            } @else if let Some(at) = view.sync.finished_at {
                span { "Last sync " (ago(at, now)) }
                span.muted {
                    (count(last.read)) " read, " (count(last.written)) " written, "
                    (count(last.unchanged)) " unchanged, " (count(last.removed)) " removed, in "
                    (words::duration(last.took_ms))
                }
            } @else {
                span.muted { "No sync yet" }
            }
        }
    }
}

fn post(view: &IntegrationView, caller: &Caller, action: &str, label: &str, id: &str) -> Markup {
    html! {
        form.inline method="post" action=(format!("{INTEGRATIONS}/{}/{action}", view.tenant_id)) {
            (layout::csrf(caller))
            button id=(id) { (label) }
        }
    }
}

fn problems(view: &IntegrationView, caller: &Caller, now: Timestamp) -> Markup {
    let others = view.problems.iter().filter(|p| p.kind != "removal_held");
    let held: Vec<&DatasetView> = view
        .datasets
        .iter()
        .filter(|d| d.held_removal.is_some())
        .collect();
    html! {
        @if !view.problems.is_empty() {
            section.problems aria-label="What to know" {
                @for problem in others { (problem_card(view, caller, problem, now)) }
                @for dataset in held { (held_removal(view, caller, dataset)) }
            }
        }
    }
}

fn problem_card(
    view: &IntegrationView,
    caller: &Caller,
    problem: &Problem,
    now: Timestamp,
) -> Markup {
    let class = if problem.attention {
        "problem bad"
    } else {
        "problem"
    };
    html! {
        div class=(class) {
            div {
                p { (problem.sentence) }
                @if let Some(since) = problem.since { p.muted.small { "Since " (ago(since, now)) } }
            }
            @match problem.kind {
                "awaiting_consent" | "consent_withdrawn" => (post(view, caller, "authorize", "Authorize", "go-authorize")),
                "no_roles" | "missing_permissions" => {
                    a.button.second href=(entra::app(view.cloud, view.tenant_id, view.client_id, Blade::Permissions)) target="_blank" rel="noopener noreferrer" { "API permissions in Entra" }
                    (post(view, caller, "check", "Check again", "go-check"))
                },
                "credential_expiring" | "sign_in_refused" | "credential_deleted" | "credential_refused" | "longer_credential" | "renewal_failed" =>
                    a.button href=(format!("{INTEGRATIONS}/{}/credential", view.tenant_id)) { "Renew" },
                _ => {},
            }
        }
    }
}

fn held_removal(view: &IntegrationView, caller: &Caller, dataset: &DatasetView) -> Markup {
    let Some(held) = dataset.held_removal else {
        return html! {};
    };
    if dataset.removal_allowed {
        return html! {
            div.problem { p { (dataset.title) ": you allowed the removal of " (count(held.records)) " records. The next sync does it." } }
        };
    }
    html! {
        div.problem.bad {
            p {
                strong { (dataset.title) ": " (count(held.records)) " of " (count(held.of)) " records are gone from Microsoft's answer. " }
                "That is more than usual, so nothing was removed. Are they really gone?"
            }
            form.inline method="post" action=(format!("{INTEGRATIONS}/{}/removal", view.tenant_id)) {
                (layout::csrf(caller))
                input type="hidden" name="dataset" value=(dataset.name);
                button.second name="answer" value="keep" id=(format!("keep-{}", dataset.name)) { "Keep them" }
                button name="answer" value="allow" id=(format!("allow-{}", dataset.name)) { "They are gone: remove" }
            }
        }
    }
}

fn datasets(view: &IntegrationView, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="datasets-title" {
            h2 #datasets-title { "Datasets" }
            div.scroll tabindex="0" role="region" aria-labelledby="datasets-title" {
                table.datasets {
                    thead { tr {
                        th scope="col" { "Dataset" }
                        th scope="col" { "State" }
                        th.n scope="col" { "Records" }
                        th scope="col" { "Whole and current" }
                        th scope="col" { "Last run" }
                    } }
                    tbody { @for dataset in &view.datasets { (dataset_row(view, dataset, now)) } }
                }
            }
        }
    }
}

fn dataset_row(view: &IntegrationView, dataset: &DatasetView, now: Timestamp) -> Markup {
    let run = &dataset.progress;
    html! {
        tr {
            th scope="row" {
                a href=(format!("{ASSETS}/{}/{}", view.tenant_id, dataset.name)) { (dataset.title) }
            }
            td.wide { (state(view, dataset)) }
            td.n { (words::known(dataset.records)) }
            td {
                (ago_or_never(dataset.last_success_at, now))
                @if let Some(day) = words::data_date(dataset, now) { p.muted.small { "Microsoft's data is as of " (day) } }
                @if let Some(whole) = &dataset.completeness {
                    p.muted.small {
                        "Read whole " (ago(whole.ended_at, now)) ": " (count(whole.objects)) @if whole.objects == 1 { " object" } @else { " objects" } ", by " (words::proof(&whole.proof))
                        @if let Some(counted) = whole.counted { "; Microsoft's own count says " (count(counted)) }
                    }
                }
                @for sentence in words::report_rows(&dataset.rows) { p.muted.small { (sentence) } }
                @if let Some(answer) = &dataset.answered_removal {
                    p.muted.small {
                        (count(answer.records)) " of " (count(answer.of)) " missing records "
                        @if answer.allowed { "allowed to go" } @else { "kept" }
                        " by " (answer.by) ", " (ago(answer.at, now))
                    }
                }
            }
            td {
                @if dataset.state == Phase::Running {
                    @match dataset.records.filter(|known| *known > 0) {
                        Some(known) => progress max=(known.max(run.read)) value=(run.read) aria-label="Read so far" {},
                        None => progress aria-label="Reading" {},
                    }
                    " " span.small { (count(run.read)) " read" }
                } @else if dataset.last_attempt_at.is_some() && dataset.verdict.allows() {
                    span.muted.small {
                        (count(run.read)) " read, " (count(run.written)) " written"
                        @if run.removed > 0 { ", " (count(run.removed)) " removed" }
                    }
                }
            }
        }
    }
}

/// A dataset's state as a badge, with the sentence where it is not simply well.
pub fn state(view: &IntegrationView, dataset: &DatasetView) -> Markup {
    let nothing_asked = view.connected_at.is_none();
    html! {
        @if !dataset.enabled {
            span.badge { "Off" }
        } @else if nothing_asked {
            span.badge { "After consent" }
        } @else if !dataset.verdict.allows() {
            span.badge.info { (words::sentence_case(&dataset.label)) }
            details.why { summary { "Why?" } p { (dataset.sentence) } }
        } @else {
            @match dataset.state {
                Phase::Running => span.badge.info { "Reading" },
                Phase::Fresh => span.badge.good { "Fresh" },
                Phase::Incomplete => span.badge.bad { "Incomplete" },
                _ => span.badge { "Waiting" },
            }
            @if let Some(trouble) = &dataset.trouble { p.small { (trouble) } }
            @for note in &dataset.notes { p.small { (note) } }
        }
    }
}

fn permissions(view: &IntegrationView) -> Markup {
    let granted = view
        .permissions
        .iter()
        .filter(|p| !p.optional && p.state == PermissionState::Granted)
        .count();
    let required = Permission::required().count();
    html! {
        section aria-labelledby="permissions-title" {
            h2 #permissions-title { "Permissions " span.muted.small { (granted) " of " (required) " granted" } }
            ul.granted {
                @for permission in &view.permissions {
                    li {
                        (permission_badge(permission.state, permission.optional))
                        div {
                            code { (permission.name) }
                            @if permission.optional { span.muted { " optional" } }
                            p.muted.small {
                                (permission.permission.about())
                                @let feeds: Vec<&str> = permission.permission.feeds().iter().map(|d| d.title).collect();
                                @if !feeds.is_empty() { " Feeds " (feeds.join(", ")) "." }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn permission_badge(state: PermissionState, optional: bool) -> Markup {
    match state {
        PermissionState::Granted => html! { span.badge.good { "Granted" } },
        PermissionState::Missing if optional => html! { span.badge { "Not asked" } },
        PermissionState::Missing => html! { span.badge.bad { "Missing" } },
        PermissionState::Unknown => html! { span.badge { "Unknown" } },
    }
}
