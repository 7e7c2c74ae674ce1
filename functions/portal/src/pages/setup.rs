//! `…/setup`: the script that sets a new client up in one paste.

use super::{
    INTEGRATIONS,
    layout::{self, Place},
};
use crate::{Context, auth::Caller, problem::Problem};
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use maud::{Markup, html};
use muster_domain::{
    Permission,
    cloud::Cloud,
    setup::{Language, Setup},
};
use std::{collections::BTreeMap, sync::Arc};

/// The lives to choose from, in days.
const LIVES: [u32; 5] = [30, 90, 180, 365, 730];
const NAME: &str = "IT inventory (Muster)";

struct Asked {
    fields: BTreeMap<String, String>,
    permissions: Vec<Permission>,
}

impl Asked {
    fn read(query: &str) -> Self {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let chosen = |p: &&Permission| {
            pairs
                .iter()
                .any(|(name, value)| name == "permission" && value == p.value())
        };
        // The page as it is first opened: everything that Muster carries.
        let permissions = match query.is_empty() {
            true => Permission::required().collect(),
            false => Permission::ALL.iter().filter(chosen).copied().collect(),
        };
        Self {
            permissions,
            fields: pairs.into_iter().collect(),
        }
    }

    fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = Asked::read(query.as_deref().unwrap_or_default());
    let name = Some(asked.get("name").trim()).filter(|name| !name.is_empty());
    let name = match name {
        Some(name) => muster_domain::connect::name(name)
            .map_err(|error| Problem::bad_request(error.detail))?,
        None => NAME.to_owned(),
    };
    let days = asked.get("days").parse().unwrap_or(180);
    let (issuer, subject) = (asked.get("issuer").trim(), asked.get("subject").trim());
    let federated = !issuer.is_empty() && !subject.is_empty();
    let setup = Setup {
        name,
        redirect_uri: context.services.redirect_uri(),
        permissions: asked.permissions.clone(),
        secret_days: if LIVES.contains(&days) { days } else { 180 },
        federated: federated.then(|| (issuer.to_owned(), subject.to_owned())),
        cloud: asked.get("cloud").parse().unwrap_or_default(),
    };
    let language = Language::find(asked.get("language")).unwrap_or(Language::AzureCli);
    let content = content(
        &asked,
        &setup,
        language,
        context.services.microsoft.can_federate(),
    );
    Ok(layout::answer(
        "Set up a client",
        Place::Integrations,
        &caller,
        &content,
    ))
}

fn content(asked: &Asked, setup: &Setup, language: Language, on_aws: bool) -> Markup {
    html! {
        (layout::crumbs(&[("Integrations", INTEGRATIONS.to_owned()), ("Add a client", format!("{INTEGRATIONS}/new"))], "Set up in one paste"))
        div.head { div {
            h1 { "Set up a client in one paste" }
            p.muted { "The script creates the app registration with exactly what you choose here, grants admin consent, and prints the three values that Add a client asks for." }
        } }
        div.columns {
            form method="get" action=(format!("{INTEGRATIONS}/setup")) {
                div.card {
                    div.field {
                        label for="name" { "The app's name" }
                        p.hint #name-hint { "The client's administrators read it: name your company." }
                        input #name name="name" value=(setup.name) maxlength="120" required aria-describedby="name-hint";
                    }
                    div.pair {
                        div.field { label for="language" { "Script" }
                            select #language name="language" { @for one in Language::ALL {
                                option value=(one.name()) selected[one == language] { (one.title()) }
                            } }
                        }
                        div.field { label for="days" { "The secret lives" }
                            select #days name="days" { @for days in LIVES {
                                option value=(days) selected[days == setup.secret_days] { (days) " days" }
                            } }
                        }
                    }
                    div.field { label for="cloud" { "Cloud" }
                        select #cloud name="cloud" { @for cloud in Cloud::ALL {
                            option value=(cloud.name()) selected[cloud == setup.cloud] { (cloud.title()) }
                        } }
                    }
                    fieldset.choices {
                        legend { "Permissions" }
                        @for permission in Permission::ALL { (choice(*permission, setup)) }
                    }
                    @if on_aws {
                        details open[setup.federated.is_some()] {
                            summary { "Trust Muster's role at AWS, too" }
                            p.hint { "Both are on a connected client's Credential page. The secret then only serves to connect." }
                            div.field { label for="issuer" { "Issuer" } input.mono #issuer name="issuer" value=(asked.get("issuer")); }
                            div.field { label for="subject" { "Subject" } input.mono #subject name="subject" value=(asked.get("subject")); }
                        }
                    }
                    p.actions { button { "Write the script" } a href=(format!("{INTEGRATIONS}/new")) { "I have the values" } }
                }
            }
            div.card.guide {
                h2 { (language.title()) }
                (how(language))
                p.actions { button.second type="button" data-copy="script" hidden { "Copy the script" } }
                pre.script tabindex="0" { code #script { (setup.script(language)) } }
            }
        }
    }
}

fn choice(permission: Permission, setup: &Setup) -> Markup {
    let feeds: Vec<&str> = permission.feeds().iter().map(|d| d.title).collect();
    html! {
        label.choice {
            input type="checkbox" name="permission" value=(permission.value()) checked[setup.permissions.contains(&permission)];
            span {
                code { (permission.value()) }
                span.muted.small { " " (permission.about()) @if !feeds.is_empty() { " Without it: no " (feeds.join(", ").to_lowercase()) ", unless another permission gives it." } }
            }
        }
    }
}

fn how(language: Language) -> Markup {
    html! {
        ol {
            @match language {
                Language::AzureCli => {
                    li { p { "Sign in to the " strong { "client's" } " tenant as a Global Administrator and open " a href="https://shell.azure.com/bash" target="_blank" rel="noopener noreferrer" { "Azure Cloud Shell (Bash)" } "." } }
                    li { p { "Paste the script, and wait for the three values: a minute at most." } }
                },
                Language::PowerShell => {
                    li { p { "In PowerShell: " code { "Install-Module Microsoft.Graph" } ", once." } }
                    li { p { "Paste the script and sign in to the " strong { "client's" } " tenant as a Global Administrator." } }
                },
                Language::Terraform => {
                    li { p { "Sign in with " code { "az login --tenant" } " to the " strong { "client's" } " tenant as a Global Administrator." } }
                    li { p { "Save this as " code { "main.tf" } ", then " code { "terraform init && terraform apply" } "." } }
                },
            }
            li { p { "Paste them under " a href=(format!("{INTEGRATIONS}/new")) { "Add a client" } ". Consent is given already, so the first sync begins at once." } }
        }
    }
}
