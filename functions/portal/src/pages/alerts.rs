//! `/account/alerts`: when and where a person is told.

use super::{
    ALERTS,
    form::Form,
    layout::{self, Place},
    words,
};
use crate::{
    Context,
    auth::Caller,
    problem::{Problem, ProblemField},
};
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use muster_domain::alert::{ChannelKind, Quiet, Settings};
use muster_platform::{
    alert::AlertError,
    alerting::{self, ChannelTrouble},
};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::BTreeMap, sync::Arc};

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    let done = parameters.find(|(name, _)| name == "done");
    let notice = layout::notice(done.as_ref().map(|(_, value)| value.as_ref()));
    answer(&context, &caller, &notice, &[], StatusCode::OK).await
}

async fn answer(
    context: &Context,
    caller: &Caller,
    notice: &Markup,
    errors: &[ProblemField],
    status: StatusCode,
) -> Result<Response, Problem> {
    let settings = alerting::settings(&context.services).await?;
    let own = alerting::own_name(&context.services);
    let troubles = alerting::troubles(&context.services).await?;
    let content = content(&settings, &own, &troubles, caller, notice, errors);
    let page = layout::page("Alerts", Place::Alerts, Some(caller), &content);
    Ok((status, page).into_response())
}

fn content(
    settings: &Settings,
    own: &str,
    troubles: &BTreeMap<String, ChannelTrouble>,
    caller: &Caller,
    notice: &Markup,
    errors: &[ProblemField],
) -> Markup {
    html! {
        (notice)
        div.head { div {
            h1 { "Alerts" }
            p.muted { "You are told before a credential lapses; when one was deleted or is refused; when a client withdraws a permission; when data gets old; when a mass removal waits for your answer; when syncs are given up. Each step once, and once when it is over." }
        } }
        div.cards {
            (channels(settings, own, troubles, caller))
            (add(caller, errors))
            (times(settings, caller, errors))
        }
    }
}

fn channels(
    settings: &Settings,
    own: &str,
    troubles: &BTreeMap<String, ChannelTrouble>,
    caller: &Caller,
) -> Markup {
    let badge = |id: &str| match troubles.contains_key(id) {
        true => html! { span.badge.bad { "Failing" } },
        false => html! { span.badge.good { "On" } },
    };
    let trouble = |id: &str| {
        let trouble = troubles.get(id)?;
        Some(
            html! { p.small { "Since " (words::day(trouble.since)) ": " (trouble.why) ". What is due is sent again every hour." } },
        )
    };
    html! {
        div.card {
            h2 { "Where to" }
            ul.granted.one {
                li { (badge(Settings::OWN_CHANNEL)) div { (own) p.muted.small { "Always." } @if let Some(why) = trouble(Settings::OWN_CHANNEL) { (why) } } }
                @for channel in &settings.channels {
                    li {
                        (badge(&channel.id))
                        div {
                            (channel.name)
                            p.muted.small { (channel.kind.title()) }
                            @if let Some(why) = trouble(&channel.id) { (why) }
                        }
                        form.inline method="post" action=(format!("{ALERTS}/remove")) {
                            (layout::csrf(caller))
                            input type="hidden" name="id" value=(channel.id);
                            button.small.second aria-label=(format!("Remove {}", channel.name)) { "Remove" }
                        }
                    }
                }
            }
            form.inline method="post" action=(format!("{ALERTS}/test")) {
                (layout::csrf(caller))
                button.second { "Send a test message" }
            }
        }
    }
}

fn of<'a>(errors: &'a [ProblemField], name: &str) -> Option<&'a str> {
    let error = errors.iter().find(|error| error.field == name)?;
    Some(&error.detail)
}

fn field(errors: &[ProblemField], name: &str, label: &str, hint: &str, input: &Markup) -> Markup {
    let error = of(errors, name);
    html! {
        div.field class=[error.map(|_| "wrong")] {
            label for=(name) { (label) }
            p.hint id=(format!("{name}-hint")) { (hint) }
            (input)
            @if let Some(error) = error { p.error role="alert" { (error) } }
        }
    }
}

fn add(caller: &Caller, errors: &[ProblemField]) -> Markup {
    html! {
        form.card method="post" action=(format!("{ALERTS}/add")) {
            (layout::csrf(caller))
            h2 { "Add a webhook" }
            (field(errors, "kind", "What it is", "Teams: the URL of a workflow \u{201c}Send webhook alerts to a channel\u{201d}.", &html! {
                select #kind name="kind" aria-describedby="kind-hint" {
                    @for kind in ChannelKind::ALL { option value=(kind.name()) { (kind.title()) } }
                }
            }))
            (field(errors, "name", "Name", "Such as the channel it posts to.", &html! {
                input #name name="name" maxlength="120" autocomplete="off" required aria-describedby="name-hint";
            }))
            (field(errors, "url", "Address", "Whoever knows it may post there: it goes into the vault and is shown nowhere again.", &html! {
                input.mono #url type="password" name="url" autocomplete="off" spellcheck="false" required aria-describedby="url-hint";
            }))
            p.actions { button.second { "Add" } }
        }
    }
}

fn times(settings: &Settings, caller: &Caller, errors: &[ProblemField]) -> Markup {
    let days: Vec<String> = settings.days_before.iter().map(i64::to_string).collect();
    let hour = |id: &str, none: &str, value: Option<i8>| {
        html! {
            select id=(id) name=(id) aria-describedby=(format!("{id}-hint")) {
                option value="" selected[value.is_none()] { (none) }
                @for hour in 0..24_i8 { option value=(hour) selected[value == Some(hour)] { (format!("{hour:02}:00")) } }
            }
        }
    };
    html! {
        form.card method="post" action=(ALERTS) {
            (layout::csrf(caller))
            h2 { "When" }
            (field(errors, "days_before", "Days before a credential lapses", "And on every seventh day after it.", &html! {
                input #days_before name="days_before" value=(days.join(", ")) autocomplete="off" required aria-describedby="days_before-hint";
            }))
            (field(errors, "stale_hours", "Data is old after so many hours", "At least 24.", &html! {
                input #stale_hours type="number" name="stale_hours" min="24" max="720" value=(settings.stale_hours) required aria-describedby="stale_hours-hint";
            }))
            div.pair {
                (field(errors, "quiet", "Quiet from", "UTC. Nothing is sent then.", &hour("quiet", "Never", settings.quiet.map(|q| q.from))))
                (field(errors, "quiet_to", "until", "What waited is sent then.", &hour("quiet_to", "–", settings.quiet.map(|q| q.to))))
            }
            (field(errors, "digest_hour", "One message a day at", "UTC. What is urgent comes at once all the same.", &hour("digest_hour", "No: each by itself", settings.digest_hour)))
            p.actions { button.second { "Save" } }
        }
    }
}

type Done = Result<Response, Problem>;

async fn again(context: &Context, caller: &Caller, problem: Problem) -> Done {
    if problem.status != StatusCode::UNPROCESSABLE_ENTITY {
        return Err(problem);
    }
    let alert = html! { p.alert role="alert" { (problem.detail) } };
    answer(context, caller, &alert, &problem.errors, problem.status).await
}

/// Stores when.
pub async fn submit(State(context): State<Arc<Context>>, caller: Caller, form: Form) -> Done {
    let hour = |name: &str| {
        Some(form.get(name))
            .filter(|t| !t.is_empty())
            .map(|t| t.parse().unwrap_or(-1))
    };
    // What is no number is out of range.
    let days = form
        .get("days_before")
        .split([',', ' '])
        .filter(|t| !t.is_empty());
    let chosen = Settings {
        days_before: days.map(|text| text.parse().unwrap_or(-1)).collect(),
        stale_hours: form.get("stale_hours").parse().unwrap_or(0),
        quiet: match (hour("quiet"), hour("quiet_to")) {
            (None, None) => None,
            (from, to) => Some(Quiet {
                from: from.unwrap_or(-1),
                to: to.unwrap_or(-1),
            }),
        },
        digest_hour: hour("digest_hour"),
        channels: Vec::new(),
    };
    match alerting::choose(&context.services, chosen).await {
        Ok(_) => Ok(Redirect::to(&format!("{ALERTS}?done=saved")).into_response()),
        Err(error) => again(&context, &caller, error.into()).await,
    }
}

/// Adds a webhook; the key of one that is signed is shown, once.
pub async fn add_channel(
    State(context): State<Arc<Context>>,
    caller: Caller,
    mut form: Form,
) -> Done {
    let url = SecretString::from(form.take("url"));
    let kind = ChannelKind::find(form.get("kind"))
        .ok_or_else(|| Problem::bad_request("Choose what the webhook is."))?;
    match alerting::add_channel(&context.services, kind, form.get("name"), url).await {
        Ok((_, key)) if kind == ChannelKind::Webhook => {
            let notice = html! {
                div.notice role="status" {
                    p { "The webhook is added. Its messages carry the header " code { "X-Muster-Signature: t=<seconds>,v1=<hex>" } ": the HMAC-SHA256 of the seconds, a dot and the body, by this key. It is shown only now:" }
                    p.copy { code #signing-key { (key.expose_secret()) } button.small.second type="button" data-copy="signing-key" hidden { "Copy" } }
                }
            };
            answer(&context, &caller, &notice, &[], StatusCode::OK).await
        }
        Ok(_) => Ok(Redirect::to(&format!("{ALERTS}?done=added")).into_response()),
        Err(error) => again(&context, &caller, error.into()).await,
    }
}

/// Removes a webhook.
pub async fn remove_channel(State(context): State<Arc<Context>>, form: Form) -> Done {
    alerting::remove_channel(&context.services, form.get("id")).await?;
    Ok(Redirect::to(&format!("{ALERTS}?done=removed")).into_response())
}

/// Sends a test message everywhere.
pub async fn test(State(context): State<Arc<Context>>, caller: Caller, _: Form) -> Done {
    let outcomes = alerting::test(&context.services, muster_platform::now()).await?;
    let notice = outcome(&outcomes);
    answer(&context, &caller, &notice, &[], StatusCode::OK).await
}

fn outcome(outcomes: &[(String, Result<(), AlertError>)]) -> Markup {
    let failed = outcomes.iter().any(|(_, outcome)| outcome.is_err());
    html! {
        div class=(if failed { "alert" } else { "notice" }) role="status" {
            ul {
                @for (name, outcome) in outcomes {
                    li {
                        strong { (name) } ": "
                        @match outcome {
                            Ok(()) => "taken. Look whether it has arrived.",
                            Err(error) => { (error) ". Check the address, and add it anew if it has changed." },
                        }
                    }
                }
            }
        }
    }
}
