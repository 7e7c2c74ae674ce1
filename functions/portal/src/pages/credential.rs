//! `…/{tenant_id}/credential`: renewing, and the ways to have no secret at all. What its forms do
//! is in `forms`.

mod forms;

pub use forms::{automatic, download, offer, submit, switch};

use super::{
    INTEGRATIONS,
    entra::{self, Blade},
    layout::{self, Place},
    words,
};
use crate::{
    Context,
    auth::Caller,
    credential, integrations,
    parameters::tenant,
    problem::{Problem, ProblemField},
    view::{CredentialView, IntegrationView},
};
use axum::{
    extract::{Path, RawQuery, State},
    response::Response,
};
use jiff::Timestamp;
use maud::{Markup, html};
use muster_domain::{
    Permission,
    expiry::{Certainty, CredentialKind, ExpirySource, Listing},
    integration::PermissionState,
    renewal::{LEAST_LIFE_DAYS, MOST_LIFE_DAYS},
};
use muster_platform::microsoft::WebIdentity;
use std::sync::Arc;

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    let done = parameters.find(|(name, _)| name == "done");
    let notice = layout::notice(done.as_ref().map(|(_, value)| value.as_ref()));
    let content = content(&context, &caller, &id, &notice, &[]).await?;
    Ok(layout::answer(
        "Credential",
        Place::Integrations,
        &caller,
        &content,
    ))
}

async fn content(
    context: &Context,
    caller: &Caller,
    id: &str,
    notice: &Markup,
    errors: &[ProblemField],
) -> Result<Markup, Problem> {
    let tenant = tenant(id)?;
    let view = integrations::view(context, tenant).await?;
    let identity = credential::web_identity(context, tenant).await;
    let now = muster_platform::now();
    let page = format!("{INTEGRATIONS}/{tenant}");
    Ok(html! {
        (layout::crumbs(&[("Integrations", INTEGRATIONS.to_owned()), (&view.name, page.clone())], "Credential"))
        (notice)
        div.head { div {
            h1 { "Credential of " (view.name) }
            p.muted { "How Muster proves itself to this tenant. Whatever you change here is proven before it is put in use, and the one before is kept until you no longer need it: no sync is missed." }
        } }
        div.cards {
            div.card {
                h2 { "In use" }
                (in_use(&view, now))
                (previous(&view.credential))
            }
            div.card.guide {
                h2 { "A new client secret" }
                (walk(&view, caller, &page, errors))
            }
            (by_itself(&view, caller, &page, errors))
            (certificate(&view, caller, &page, errors))
            (federated(&view, caller, &page, errors, identity.as_ref()))
        }
    })
}

/// What is in use, when it lapses, and how that is known.
pub fn in_use(view: &IntegrationView, now: Timestamp) -> Markup {
    let credential = &view.credential;
    let kind = words::sentence_case(credential.kind.title());
    html! {
        p {
            @match credential.kind {
                CredentialKind::Federated => { "No secret: Microsoft takes AWS's word for Muster. It never lapses." },
                _ => {
                    (kind) " " code { (credential.hint) "…" } ", expires "
                    (words::expires(credential.expires_at, now)) ". "
                    span.muted { (source(credential)) }
                }
            }
        }
        @if let Some(since) = credential.deleted_since {
            p.error { "It is not in the app registration any more, seen first " (words::ago(since, now)) "." }
        }
        @if credential.listing == Listing::NotKnown {
            p.muted.small { "Whether the app registration still lists it is not known: an entry there does not say enough to tell whether it is this one. Compare it with the one above in Entra, under Certificates & secrets." }
        }
        @if let Some(longer) = &credential.longer {
            p.muted.small { "The registration holds another secret, " code { (longer.hint) "…" } ", that lives until " (words::day(longer.expires_at)) "." }
        }
    }
}

fn source(credential: &CredentialView) -> &'static str {
    match (
        credential.expiry_source,
        credential.certainty,
        credential.kind,
    ) {
        (_, _, CredentialKind::Certificate) => "The certificate itself says so.",
        (ExpirySource::Entra, Certainty::Certain, _) => "Entra says so, of this very secret.",
        (ExpirySource::Entra, ..) => {
            "Several secrets in Entra could be the one; this is the earliest of their dates."
        }
        (ExpirySource::Entered, ..) => "As entered. Entra is asked with the next sync.",
        (ExpirySource::Assumed, ..) => {
            "Assumed: six months from when it was stored. The next sync asks Entra, where Directory.Read.All is granted."
        }
    }
}

fn previous(credential: &CredentialView) -> Markup {
    let Some(previous) = &credential.previous else {
        return html! {};
    };
    html! {
        h3 { "The one before" }
        p {
            (words::sentence_case(previous.kind.title())) " " code { (previous.hint) "…" } ", replaced "
            (words::day(previous.replaced_at)) ". "
            @if previous.removable {
                strong { "It is safe to delete in Entra now: " } "the new one has worked for a day."
            } @else {
                "Keep it in Entra for now. It is safe to delete from " (words::day(previous.removable_from)) ", when the new one has worked for a day; until then Muster falls back to it if it has to."
            }
        }
    }
}

fn walk(view: &IntegrationView, caller: &Caller, page: &str, errors: &[ProblemField]) -> Markup {
    let link = entra::app(
        view.cloud,
        view.tenant_id,
        view.client_id,
        Blade::Credentials,
    );
    html! {
        ol {
            li {
                p { a href=(link) target="_blank" rel="noopener noreferrer" { "Open this app's Certificates & secrets in Entra" } " and choose " strong { "New client secret" } "." }
            }
            li { p { "Copy its " strong { "Value" } " at once (not the Secret ID), and paste it here." }
                (secret_form(view, caller, page, errors))
            }
        }
        (policy(view))
        p.muted.small { "A secret just made takes up to a minute to be known everywhere at Microsoft. Muster waits for it for half a minute; if that is not enough, paste it again." }
    }
}

/// What is known of the tenant's policy on client secrets.
fn policy(view: &IntegrationView) -> Markup {
    html! {
        @match &view.credential.secret_policy {
            Some(policy) if policy.forbids => p.error #policy { (policy.sentence()) " Use a certificate, or no secret at all." },
            Some(policy) => p.muted.small #policy { (policy.sentence()) },
            None => p.muted.small #policy { "Whether the tenant's policy limits client secrets is not known; with " code { "Policy.Read.All" } " Muster looks." },
        }
    }
}

/// The form that takes a new secret.
pub fn secret_form(
    view: &IntegrationView,
    caller: &Caller,
    page: &str,
    errors: &[ProblemField],
) -> Markup {
    let error = of(errors, "client_secret");
    let date = of(errors, "secret_expires_on");
    html! {
        form method="post" action=(format!("{page}/credential")) {
            (layout::csrf(caller))
            div.field class=[error.map(|_| "wrong")] {
                label for="client_secret" { "A new secret's Value" }
                p.hint #secret-hint { "It is proven before it replaces the one in use." }
                input.mono #client_secret type="password" name="client_secret" autocomplete="off" required
                    aria-invalid=[error.map(|_| "true")]
                    aria-describedby=(if error.is_some() { "secret-error secret-hint" } else { "secret-hint" });
                @if let Some(error) = error { p.error #secret-error role="alert" { (error.detail) } }
            }
            @if !view.permissions.iter().any(|p| p.permission == Permission::DirectoryReadAll && p.state == PermissionState::Granted) {
                div.field class=[date.map(|_| "wrong")] {
                    label for="secret_expires_on" { "Expires on" }
                    p.hint #date-hint { "Muster cannot ask Entra for it: Directory.Read.All is not granted." }
                    input #secret_expires_on type="date" name="secret_expires_on" aria-describedby="date-hint";
                    @if let Some(error) = date { p.error role="alert" { (error.detail) } }
                }
            }
            p.actions { button.second { "Check and replace" } }
        }
    }
}

fn of<'a>(errors: &'a [ProblemField], name: &str) -> Option<&'a ProblemField> {
    errors.iter().find(|error| error.field == name)
}

fn post(caller: &Caller, action: &str, label: &str, kind: Option<&str>) -> Markup {
    html! {
        form.inline method="post" action=(action) {
            (layout::csrf(caller))
            @if let Some(kind) = kind { input type="hidden" name="kind" value=(kind); }
            button.second { (label) }
        }
    }
}

/// The lives to choose from, in days.
const LIVES: [u32; 5] = [30, 90, 180, 365, 730];

fn by_itself(
    view: &IntegrationView,
    caller: &Caller,
    page: &str,
    errors: &[ProblemField],
) -> Markup {
    let able = view.permissions.iter().any(|p| {
        p.permission == Permission::ApplicationReadWriteOwnedBy
            && p.state == PermissionState::Granted
    });
    let chosen = view.credential.automatic_renewal.as_ref();
    let life = chosen.map_or(180, |automatic| automatic.life_days);
    html! {
        div.card #by-itself {
            h2 { "Let Muster renew it" }
            @if let Some(automatic) = chosen {
                @match &automatic.trouble {
                    Some(trouble) => p.error { (trouble) },
                    None => p { "Muster makes a new secret " (automatic.days_before) " days before the end, and removes its own old one after a day." },
                }
                @if let Some(allowed) = automatic.allowed_days {
                    p.muted.small { "This tenant's policy allows secrets of " (allowed) " days at most." }
                }
            } @else {
                p { "Muster makes a new secret before the old one lapses, proves it, and removes its own old one a day later. Nobody has to think of it." }
            }
            @if !able {
                p.muted.small { "Needs " code { "Application.ReadWrite.OwnedBy" } ", granted as an application permission, which reaches only registrations that the app owns; and the app as an owner of its own registration:" }
                (owner_command(view))
            }
            form method="post" action=(format!("{page}/credential/automatic")) {
                (layout::csrf(caller))
                div.field {
                    label for="life_days" { "Each secret lives" }
                    select #life_days name="life_days" {
                        option value="" selected[chosen.is_none()] { "I renew it by hand" }
                        @for days in LIVES {
                            option value=(days) selected[chosen.is_some() && days == life] { (days) " days" }
                        }
                        @if chosen.is_some() && !LIVES.contains(&life) { option value=(life) selected { (life) " days" } }
                    }
                    @if let Some(error) = of(errors, "life_days") { p.error role="alert" { (error.detail) } }
                    p.hint { "Between " (LEAST_LIFE_DAYS) " and " (MOST_LIFE_DAYS) " days by the API." }
                }
                p.actions { button.second { "Save" } }
            }
        }
    }
}

fn owner_command(view: &IntegrationView) -> Markup {
    let client = view.client_id;
    let command = format!(
        "az rest --method POST --url \"https://{graph}/v1.0/applications(appId='{client}')/owners/\\$ref\" --headers Content-Type=application/json --body \"{{\\\"@odata.id\\\":\\\"https://{graph}/v1.0/directoryObjects/$(az ad sp show --id {client} --query id -o tsv)\\\"}}\"",
        graph = view.cloud.graph_host()
    );
    html! {
        details {
            summary { "The command that makes it an owner" }
            p.copy {
                code #owner-command { (command) }
                button.small.second type="button" data-copy="owner-command" hidden { "Copy" }
            }
        }
    }
}

fn certificate(
    view: &IntegrationView,
    caller: &Caller,
    page: &str,
    errors: &[ProblemField],
) -> Markup {
    let link = entra::app(
        view.cloud,
        view.tenant_id,
        view.client_id,
        Blade::Credentials,
    );
    let current = view.credential.kind == CredentialKind::Certificate;
    html! {
        div.card.guide #certificate {
            h2 { "Use a certificate" }
            p { "Muster makes a key pair. The private key stays in the vault; the client gets the public certificate, which is no secret. It lives a year" @if current { ", and is renewed in the same way: the new one is uploaded beside the old" } "." }
            @if let Some(error) = of(errors, "certificate") { p.error role="alert" { (error.detail) } }
            @match &view.credential.offered_certificate {
                Some(offered) => {
                    ol {
                        li { p { a href=(format!("{page}/credential/certificate.cer")) download { "Download the certificate" } ", good until " (words::day(offered.expires_at)) "." } }
                        li { p { a href=(link) target="_blank" rel="noopener noreferrer" { "Open this app's Certificates & secrets in Entra" } ", choose " strong { "Certificates" } " and " strong { "Upload certificate" } ". Its thumbprint there is " code { (offered.thumbprint) } "." } }
                        li { (post(caller, &format!("{page}/credential/switch"), "Check and switch", Some("certificate"))) }
                    }
                }
                None => p.actions { (post(caller, &format!("{page}/credential/certificate"), if current { "Make the next certificate" } else { "Make a certificate" }, None)) },
            }
        }
    }
}

fn federated(
    view: &IntegrationView,
    caller: &Caller,
    page: &str,
    errors: &[ProblemField],
    identity: Option<&Result<WebIdentity, String>>,
) -> Markup {
    let link = entra::app(
        view.cloud,
        view.tenant_id,
        view.client_id,
        Blade::Credentials,
    );
    html! {
        div.card.guide #federated {
            h2 { "No secret at all" }
            p { "Microsoft takes AWS's word for Muster: there is nothing to renew, and nothing to steal." }
            @if let Some(error) = of(errors, "federated") { p.error role="alert" { (error.detail) } }
            @match identity {
                None => p.muted { "Available on AWS only: AWS vouches for Muster there, and nobody does on this machine." },
                Some(Err(why)) => p.error { "AWS gives no token that vouches for Muster: " (why) ". Outbound web identity federation has to be switched on in the AWS account (IAM, Account settings), and the tenant role has to be allowed sts:GetWebIdentityToken." },
                Some(Ok(identity)) => {
                    ol {
                        li {
                            p { a href=(link) target="_blank" rel="noopener noreferrer" { "Open this app's Certificates & secrets in Entra" } ", choose " strong { "Federated credentials" } ", " strong { "Add credential" } ", scenario " strong { "Other issuer" } ", and paste:" }
                            dl.facts {
                                dt { "Issuer" } dd { code { (identity.issuer) } }
                                dt { "Subject (Value)" } dd { code { (identity.subject) } }
                                dt { "Audience" } dd { code { (view.cloud.token_exchange_audience()) } }
                            }
                        }
                        li {
                            p { "Then move over. If Microsoft says that nothing matches (AADSTS70021), compare the three letter by letter, and wait some minutes: a new one is not known everywhere at once. Nothing changes until it works." }
                            (post(caller, &format!("{page}/credential/switch"), "Check and switch", Some("federated")))
                        }
                    }
                }
            }
        }
    }
}
