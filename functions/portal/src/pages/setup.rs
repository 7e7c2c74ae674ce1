//! `…/setup`: the script that sets a new client up in one paste.

use super::{
    INTEGRATIONS,
    form::Form,
    layout::{self, Place},
};
use crate::{Context, auth::Caller, credential, problem::Problem};
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use muster_domain::{
    Permission, TenantId,
    cloud::Cloud,
    connect::{self as fields, FieldError},
    expiry::CredentialKind,
    setup::{Language, Literal, Proof, Setup, app_name},
};
use muster_platform::prepare;
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
        // The page before its form was sent: everything that Muster carries.
        let sent = pairs.iter().any(|(name, _)| name == "language");
        let permissions = match sent {
            false => Permission::required().collect(),
            true => Permission::ALL.iter().filter(chosen).copied().collect(),
        };
        Self {
            permissions,
            fields: pairs.into_iter().collect(),
        }
    }

    /// The same as a query.
    fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.fields.iter().filter(|(name, _)| *name != "permission") {
            query.append_pair(name, value);
        }
        for permission in &self.permissions {
            query.append_pair("permission", permission.value());
        }
        query.finish()
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
    let asked = Asked::read(&query.unwrap_or_default());
    let named = Named::read(asked.get("name"));
    let language = Language::find(asked.get("language")).unwrap_or(Language::AzureCli);
    let kind = CredentialKind::find(asked.get("kind")).unwrap_or_default();
    let script = match (&named.name, proof(&context, &asked, kind).await?) {
        (Err(_), _) => Err(First::CorrectTheName),
        (Ok(name), Ready::Proof(proof)) => Ok(Setup {
            name: name.clone(),
            redirect_uri: literal(&context.services.redirect_uri())?,
            permissions: asked.permissions.clone(),
            proof,
            cloud: asked.get("cloud").parse().unwrap_or_default(),
        }
        .script(language)),
        (Ok(_), Ready::First(what)) => Err(what),
    };
    let shown = Shown {
        asked: &asked,
        named,
        language,
        kind,
        script,
    };
    let content = content(&shown, &caller);
    Ok(layout::answer(
        "Set up a client",
        Place::Integrations,
        &caller,
        &content,
    ))
}

/// Makes the certificate that the script is to hold, and leads back to it.
pub async fn prepare(
    State(context): State<Arc<Context>>,
    mut form: Form,
) -> Result<Response, Problem> {
    let asked = form.take("asked");
    let asked = Asked::read(&asked);
    let tenant = fields::tenant_id(asked.get("tenant_id"));
    let tenant = tenant.map_err(|error| Problem::fields([error]))?;
    credential::prepare_certificate(&context, tenant).await?;
    Ok(Redirect::to(&format!("{INTEGRATIONS}/setup?{}", asked.query())).into_response())
}

/// The app's name as the link gave it, and what is wrong with it.
struct Named {
    given: String,
    name: Result<Literal, FieldError>,
}

impl Named {
    fn read(given: &str) -> Self {
        let given = match given.trim() {
            "" => NAME,
            given => given,
        };
        Self {
            given: given.to_owned(),
            name: app_name(given),
        }
    }

    fn field(&self) -> Markup {
        let wrong = self.name.as_ref().err();
        html! {
            div.field class=[wrong.map(|_| "wrong")] {
                label for="name" { "The app's name" }
                p.hint #name-hint { "The client's administrators read it: name your company." }
                input #name name="name" value=(self.given) maxlength=(fields::LONGEST_NAME) required
                    aria-invalid=[wrong.map(|_| "true")] aria-describedby="name-hint";
                @if let Some(wrong) = wrong { p.error role="alert" { (wrong.detail) } }
            }
        }
    }
}

/// A value of this installation's own that a script is to hold.
fn literal(value: &str) -> Result<Literal, Problem> {
    Literal::new(value).map_err(|error| {
        tracing::error!(%error, "no set-up script can be written");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "This installation's address, or the issuer of its AWS identity, holds a character that no script may hold. Correct the setting it was started with.",
        )
    })
}

/// How the app is to prove itself, or what has to be done before the script can be written.
enum Ready {
    Proof(Proof),
    First(First),
}

/// What has to be done first.
enum First {
    /// Correct the app's name.
    CorrectTheName,
    /// Say which tenant it is for; what is wrong with what was said.
    SayWhichTenant(Option<String>),
    /// Make the key pair.
    MakeCertificate,
    /// Nothing: it cannot be had here.
    Impossible(String),
}

async fn proof(context: &Context, asked: &Asked, kind: CredentialKind) -> Result<Ready, Problem> {
    Ok(match kind {
        CredentialKind::ClientSecret => {
            let days = asked.get("days").parse().unwrap_or(180);
            Ready::Proof(Proof::Secret {
                days: if LIVES.contains(&days) { days } else { 180 },
            })
        }
        CredentialKind::Certificate => match fields::tenant_id(asked.get("tenant_id")) {
            Err(error) => {
                let given = !asked.get("tenant_id").trim().is_empty();
                Ready::First(First::SayWhichTenant(given.then_some(error.detail)))
            }
            Ok(tenant) => match prepare::prepared(&context.services, tenant).await? {
                Some(waiting) => Ready::Proof(Proof::Certificate(waiting)),
                None => Ready::First(First::MakeCertificate),
            },
        },
        // The role is the same whatever tenant it acts for.
        CredentialKind::Federated => {
            match credential::web_identity(context, TenantId::ACCOUNT).await {
                Some(Ok(identity)) => Ready::Proof(Proof::Federated {
                    issuer: literal(&identity.issuer)?,
                    subject: literal(&identity.subject)?,
                }),
                Some(Err(why)) => Ready::First(First::Impossible(format!(
                    "AWS gives no token that vouches for Muster: {why}. Outbound web identity federation has to be switched on in the AWS account (IAM, Account settings)."
                ))),
                None => Ready::First(First::Impossible("Available on AWS only: AWS vouches for Muster there, and nobody does on this machine. Use a certificate or a client secret.".to_owned())),
            }
        }
    })
}

struct Shown<'a> {
    asked: &'a Asked,
    named: Named,
    language: Language,
    kind: CredentialKind,
    script: Result<String, First>,
}

fn content(shown: &Shown<'_>, caller: &Caller) -> Markup {
    let Shown {
        asked,
        named,
        language,
        kind,
        script,
    } = shown;
    html! {
        (layout::crumbs(&[("Integrations", INTEGRATIONS.to_owned()), ("Add a client", format!("{INTEGRATIONS}/new"))], "Set up in one paste"))
        div.head { div {
            h1 { "Set up a client in one paste" }
            p.muted { "The script creates the app registration with exactly what you choose here, grants admin consent, and prints the values that Add a client asks for." }
        } }
        div.columns {
            form method="get" action=(format!("{INTEGRATIONS}/setup")) {
                div.card {
                    (named.field())
                    div.pair {
                        div.field { label for="language" { "Script" }
                            select #language name="language" { @for one in Language::ALL {
                                option value=(one.name()) selected[one == *language] { (one.title()) }
                            } }
                        }
                        div.field { label for="cloud" { "Cloud" }
                            select #cloud name="cloud" { @for cloud in Cloud::ALL {
                                option value=(cloud.name()) selected[cloud.name() == asked.get("cloud")] { (cloud.title()) }
                            } }
                        }
                    }
                    (proofs(asked, *kind, script))
                    fieldset.choices {
                        legend { "Permissions" }
                        @for permission in Permission::ALL { (choice(*permission, &asked.permissions)) }
                    }
                    p.actions { button { "Write the script" } a href=(format!("{INTEGRATIONS}/new")) { "I have the values" } }
                }
            }
            div.card.guide {
                h2 { (language.title()) }
                @match script {
                    Ok(script) => {
                        (how(*language, &add(asked, *kind)))
                        p.actions { button.second type="button" data-copy="script" hidden { "Copy the script" } }
                        pre.script tabindex="0" { code #script { (script) } }
                    },
                    Err(First::CorrectTheName) => p { "Correct the app's name, then choose " strong { "Write the script" } "." },
                    Err(First::SayWhichTenant(_)) => p { "Say which tenant the certificate is for, then choose " strong { "Write the script" } "." },
                    Err(First::Impossible(why)) => p.error { (why) },
                    Err(First::MakeCertificate) => {
                        p { "Muster makes a key pair for this tenant. The private key stays in the vault; the script carries the public certificate, which is no secret." }
                        form.inline method="post" action=(format!("{INTEGRATIONS}/setup/certificate")) {
                            (layout::csrf(caller))
                            input type="hidden" name="asked" value=(asked.query());
                            button { "Make the certificate" }
                        }
                    },
                }
            }
        }
    }
}

/// How the app proves itself, and what that takes.
fn proofs(asked: &Asked, kind: CredentialKind, script: &Result<String, First>) -> Markup {
    let words = |kind| match kind {
        CredentialKind::ClientSecret => "A client secret, which the script makes",
        CredentialKind::Certificate => "A certificate of Muster's: no secret is made",
        CredentialKind::Federated => "AWS's word: nothing to renew (on AWS only)",
    };
    let wrong = match script {
        Err(First::SayWhichTenant(wrong)) => wrong.as_deref(),
        _ => None,
    };
    let days: u32 = asked.get("days").parse().unwrap_or(180);
    html! {
        div.field { label for="kind" { "Muster proves itself by" }
            select #kind name="kind" { @for one in CredentialKind::ALL {
                option value=(one.name()) selected[one == kind] { (words(one)) }
            } }
        }
        div.field { label for="days" { "How long a secret lives" }
            select #days name="days" { @for one in LIVES {
                option value=(one) selected[one == days] { (one) " days" }
            } }
        }
        div.field class=[wrong.map(|_| "wrong")] {
            label for="tenant_id" { "Directory (tenant) ID" }
            p.hint #tenant_id-hint { "For a certificate alone, which is made for one client. On the client's Overview page in Entra." }
            input.mono #tenant_id name="tenant_id" value=(asked.get("tenant_id")) autocomplete="off" spellcheck="false"
                aria-invalid=[wrong.map(|_| "true")] aria-describedby="tenant_id-hint";
            @if let Some(wrong) = wrong { p.error role="alert" { (wrong) } }
        }
    }
}

/// Where the values are pasted.
fn add(asked: &Asked, kind: CredentialKind) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("kind", kind.name());
    if kind == CredentialKind::Certificate {
        query.append_pair("tenant_id", asked.get("tenant_id").trim());
    }
    format!("{INTEGRATIONS}/new?{}", query.finish())
}

fn choice(permission: Permission, chosen: &[Permission]) -> Markup {
    let feeds: Vec<&str> = permission.feeds().iter().map(|d| d.title).collect();
    html! {
        label.choice {
            input type="checkbox" name="permission" value=(permission.value()) checked[chosen.contains(&permission)];
            span {
                code { (permission.value()) }
                span.muted.small { " " (permission.about()) @if !feeds.is_empty() { " Without it: no " (feeds.join(", ").to_lowercase()) ", unless another permission gives it." } }
            }
        }
    }
}

fn how(language: Language, add: &str) -> Markup {
    html! {
        ol {
            @match language {
                Language::AzureCli => {
                    li { p { "Sign in to the " strong { "client's" } " tenant as a Global Administrator and open " a href="https://shell.azure.com/bash" target="_blank" rel="noopener noreferrer" { "Azure Cloud Shell (Bash)" } "." } }
                    li { p { "Paste the script, and wait: a minute at most." } }
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
            li { p { "Paste what it prints under " a href=(add) { "Add a client" } ". Consent is given already, so the first sync begins at once." } }
        }
    }
}
