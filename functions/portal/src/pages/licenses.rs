//! `/account/licenses`: which SKUs count as bought.

use super::{
    LICENSES,
    form::Form,
    layout::{self, Place},
};
use crate::{Context, auth::Caller, problem::Problem};
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use muster_domain::{
    collation,
    licenses::{Choice, Choices},
    sku,
};
use muster_platform::licenses;
use std::sync::Arc;
use uuid::Uuid;

/// The page; `?sku=` fills in the form.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let get = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    };
    let choices = licenses::choices(&context.services).await?;
    let asked = Asked {
        sku: get("sku").unwrap_or_default(),
        part_number: get("part_number").unwrap_or_default(),
    };
    let notice = layout::notice(get("done").as_deref());
    let content = content(&choices, &caller, &notice, &asked, None);
    Ok(layout::answer(
        "Licenses",
        Place::Licenses,
        &caller,
        &content,
    ))
}

/// The SKU that a choice is made for.
struct Asked {
    /// The text of the field.
    sku: String,
    /// The client's name for it, where no table has one.
    part_number: String,
}

fn content(
    choices: &Choices,
    caller: &Caller,
    notice: &Markup,
    asked: &Asked,
    error: Option<&str>,
) -> Markup {
    html! {
        (notice)
        div.head { div {
            h1 { "Licenses that count" }
            p.muted { "Muster counts a SKU as bought unless it is known to be free or a trial: by the SKUs that Microsoft gives away, and by each client's own subscriptions. Choose here where that is wrong for your clients. Each client's next sync counts by your choice." }
        } }
        div.cards {
            (chosen(choices, caller))
            (choose(caller, asked, error))
        }
    }
}

fn chosen(choices: &Choices, caller: &Caller) -> Markup {
    let mut rows: Vec<(String, Uuid, Choice)> = choices
        .each()
        .map(|(id, choice)| (choices.name(id), id, choice))
        .collect();
    rows.sort_by_cached_key(|(name, ..)| collation::sort_key(name));
    html! {
        div.card {
            h2 { "Your choices" }
            @if rows.is_empty() { p.muted { "None: every SKU goes by what is known of it." } }
            ul.granted.one {
                @for (name, id, choice) in &rows {
                    li {
                        span.badge { (choice.title()) }
                        div { (name) p.muted.small { (id) } }
                        form.inline method="post" action=(LICENSES) {
                            (layout::csrf(caller))
                            input type="hidden" name="sku" value=(id);
                            input type="hidden" name="choice" value="automatic";
                            button.small.second aria-label=(format!("Remove the choice for {name}")) { "Remove" }
                        }
                    }
                }
            }
        }
    }
}

fn choose(caller: &Caller, asked: &Asked, error: Option<&str>) -> Markup {
    html! {
        form.card method="post" action=(LICENSES) {
            (layout::csrf(caller))
            h2 { "Choose for a SKU" }
            div.field class=[error.map(|_| "wrong")] {
                label for="sku" { "SKU" }
                p.hint #sku-hint { "The SKU ID or the part number that Microsoft's table has, such as SPB." }
                input.mono #sku name="sku" value=(asked.sku) maxlength="200" autocomplete="off" spellcheck="false" required aria-describedby="sku-hint";
                @if let Some(error) = error { p.error role="alert" { (error) } }
                @if !asked.part_number.is_empty() {
                    input type="hidden" name="part_number" value=(asked.part_number);
                    p.muted.small { (asked.part_number) }
                }
            }
            div.field {
                label for="choice" { "Its licenses" }
                select #choice name="choice" {
                    @for choice in Choice::ALL { option value=(choice.name()) { (choice.title()) } }
                }
            }
            p.actions { button { "Save" } }
        }
    }
}

/// Stores a choice.
pub async fn submit(
    State(context): State<Arc<Context>>,
    caller: Caller,
    mut form: Form,
) -> Result<Response, Problem> {
    let asked = Asked {
        sku: form.take("sku"),
        part_number: form.take("part_number"),
    };
    let choice = match form.get("choice") {
        "automatic" => None,
        word => Some(
            Choice::find(word).ok_or_else(|| Problem::bad_request("Choose one of the answers."))?,
        ),
    };
    let Some(id) = sku::id_of(&asked.sku) else {
        let choices = licenses::choices(&context.services).await?;
        let error =
            "No SKU has this ID or part number. Copy the SKU ID from the client's licenses.";
        let content = content(&choices, &caller, &html! {}, &asked, Some(error));
        let page = layout::page("Licenses", Place::Licenses, Some(&caller), &content);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let part_number = Some(asked.part_number.as_str()).filter(|name| !name.is_empty());
    licenses::choose(&context.services, id, choice, part_number).await?;
    Ok(Redirect::to(&format!("{LICENSES}?done=saved")).into_response())
}
