//! What is done to integrations, by an API call and by a form alike.

use crate::{
    Context,
    problem::{Problem, ProblemField},
    view::{DeletionView, IntegrationView, ListedView},
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use muster_domain::{
    Integration, TenantId, aadsts,
    collation::{self, SortKey},
    connect as fields, datasets,
    deletion::Deletion,
    integration::Trouble,
    renewal::Automatic,
    state::{AnsweredRemoval, HeldRemoval},
};
use muster_platform::{
    connect::{self, ConnectError},
    consent, disconnect,
    microsoft::SignInFailure,
    renew,
    request_sync::request_sync,
    store::StoreError,
};
use std::collections::BTreeMap;

/// What is to change; what is `None` stays.
#[derive(Debug, Default)]
pub struct Patch {
    /// The client's name.
    pub name: Option<String>,
    /// How often to sync.
    pub cadence_minutes: Option<u32>,
    /// Paused or not.
    pub paused: Option<bool>,
    /// Datasets on or off.
    pub datasets: BTreeMap<String, bool>,
    /// Answers to removals that wait.
    pub removals: BTreeMap<String, Answer>,
    /// Who answers, for the record.
    pub answered_by: &'static str,
    /// Whether Muster renews the client secret by itself, and how long each lives.
    pub automatic: Option<Option<Automatic>>,
}

/// A person's answer to a removal that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// They are really gone.
    Allow,
    /// Keep them, and look again.
    Keep,
}

impl Answer {
    /// The answer of that name.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "allow" => Some(Self::Allow),
            "keep" => Some(Self::Keep),
            _ => None,
        }
    }
}

/// States are asked for by tenant; so many at once.
const TENANTS_AT_ONCE: usize = 16;

/// Connects a tenant, and syncs at once where consent was given in Entra before.
///
/// # Errors
/// When a field is wrong, the tenant is connected already, or a service does not answer.
pub async fn connect(context: &Context, form: fields::Form) -> Result<Integration, ConnectError> {
    let integration = connect::connect(&context.services, form).await?;
    if let Err(problem) = sync_if_ready(context, &integration).await {
        let tenant = integration.tenant_id;
        tracing::error!(tenant.id = %tenant, problem.detail, "the first sync waits for the schedule");
    }
    Ok(integration)
}

/// One integration, to be read or changed.
///
/// # Errors
/// 404 when the tenant is not connected, 409 while it is being deleted.
pub async fn find(context: &Context, tenant: TenantId) -> Result<Integration, Problem> {
    let found = known(context, tenant).await?;
    match found.deleting {
        true => Err(Problem::deleting()),
        false => Ok(found),
    }
}

/// One integration, being deleted or not.
///
/// # Errors
/// 404 when the tenant is not connected.
pub async fn known(context: &Context, tenant: TenantId) -> Result<Integration, Problem> {
    let found = context.services.store.integration(tenant).await?;
    found.ok_or_else(Problem::unknown_tenant)
}

/// All that is told of one integration, being deleted or not.
///
/// # Errors
/// 404 when the tenant is not connected.
pub async fn view(context: &Context, tenant: TenantId) -> Result<IntegrationView, Problem> {
    let integration = known(context, tenant).await?;
    view_of(context, &integration).await
}

/// One integration as it is stored, and all that is told of it.
///
/// # Errors
/// 404 when the tenant is not connected, 409 while it is being deleted.
pub async fn with_view(
    context: &Context,
    tenant: TenantId,
) -> Result<(Integration, IntegrationView), Problem> {
    let integration = find(context, tenant).await?;
    let view = view_of(context, &integration).await?;
    Ok((integration, view))
}

async fn view_of(context: &Context, of: &Integration) -> Result<IntegrationView, Problem> {
    let states = context.services.store.states(of.tenant_id).await?;
    Ok(IntegrationView::new(of, &states, muster_platform::now()))
}

/// Every integration, in the order of the names.
///
/// # Errors
/// When the store does not answer.
pub async fn all(context: &Context) -> Result<Vec<Integration>, StoreError> {
    let mut all = context.services.store.integrations().await?;
    all.sort_by_cached_key(place);
    Ok(all)
}

/// Where an integration stands in a list: by name, and by tenant where names are equal.
pub fn place(integration: &Integration) -> (SortKey, String) {
    let key = collation::sort_key(&integration.name);
    (key, integration.tenant_id.to_string())
}

/// Those integrations, as a list tells of them.
///
/// # Errors
/// When the store does not answer.
pub async fn listed(
    context: &Context,
    integrations: Vec<Integration>,
) -> Result<Vec<ListedView>, Problem> {
    let now = muster_platform::now();
    let views = stream::iter(integrations).map(|integration| async move {
        let listed = context.services.store.listed(integration.tenant_id).await?;
        let (integration, states) = listed.unwrap_or((integration, Vec::new()));
        Ok::<_, StoreError>(ListedView::new(&integration, &states, now))
    });
    Ok(views.buffered(TENANTS_AT_ONCE).try_collect().await?)
}

/// The address of Microsoft's consent page.
///
/// # Errors
/// When the store does not answer.
pub async fn authorize(
    context: &Context,
    integration: &Integration,
    session: Option<&str>,
) -> Result<String, Problem> {
    Ok(consent::authorize_url(&context.services, integration, session).await?)
}

/// Asks for a sync now, and where it is full, for everything to be read again; when it was asked for.
///
/// # Errors
/// 409 when the integration is paused, being deleted, or awaits consent.
pub async fn sync(context: &Context, tenant: TenantId, full: bool) -> Result<Timestamp, Problem> {
    let integration = find(context, tenant).await?;
    if integration.paused {
        return Err(Problem::conflict(
            "urn:muster:problem:paused",
            "The integration is paused",
            "This integration is paused. Resume it first, then sync.",
        ));
    }
    if integration.connected_at.is_none() {
        return Err(Problem::conflict(
            "urn:muster:problem:awaiting-consent",
            "The integration awaits consent",
            "An administrator of the tenant has not consented yet, so there is nothing to read. Authorize the app first.",
        ));
    }
    request(context, tenant, full).await
}

async fn request(context: &Context, tenant: TenantId, full: bool) -> Result<Timestamp, Problem> {
    let requested = request_sync(&context.services, tenant, |integration, at| {
        if full {
            integration.read_again_at = Some(at);
        }
    });
    let (_, at) = requested.await?.ok_or_else(Problem::unknown_tenant)?;
    Ok(at)
}

/// Asks for a sync where one can be.
pub(crate) async fn sync_if_ready(
    context: &Context,
    integration: &Integration,
) -> Result<(), Problem> {
    let reads = !integration.paused && !integration.deleting && integration.unreadable.is_none();
    if reads && integration.connected_at.is_some() {
        request(context, integration.tenant_id, false).await?;
    }
    Ok(())
}

/// Changes an integration. Everything is checked before anything is done.
///
/// # Errors
/// 422 with the fields that are wrong; 409 when a removal is answered while a sync runs.
pub async fn change(context: &Context, tenant: TenantId, patch: Patch) -> Result<(), Problem> {
    let before = find(context, tenant).await?;
    let mut errors: Vec<ProblemField> = Vec::new();
    let name = patch.name.map(|name| fields::name(&name)).transpose();
    let cadence = patch.cadence_minutes.map(fields::cadence).transpose();
    for error in [name.as_ref().err(), cadence.as_ref().err()] {
        errors.extend(error.cloned().map(ProblemField::from));
    }
    let named = patch.datasets.keys().map(|name| ("datasets", name));
    for (field, name) in named.chain(patch.removals.keys().map(|name| ("removals", name))) {
        if datasets::find(name).is_none() {
            let known: Vec<&str> = datasets::ALL.iter().map(|d| d.name).collect();
            let detail = format!(
                "There is no such dataset; those there are: {}.",
                known.join(", ")
            );
            errors.push(ProblemField::new(field, detail));
        }
    }
    let (Ok(name), Ok(cadence), true) = (name, cadence, errors.is_empty()) else {
        return Err(Problem::fields(errors));
    };
    if !patch.removals.is_empty() {
        answer_removals(context, tenant, &patch.removals, patch.answered_by).await?;
    }
    let after = context
        .services
        .store
        .update_integration(tenant, |integration| {
            if let Some(name) = &name {
                integration.name.clone_from(name);
            }
            integration.cadence_minutes = cadence.unwrap_or(integration.cadence_minutes);
            integration.paused = patch.paused.unwrap_or(integration.paused);
            if integration.paused {
                // A worker drops the message of a paused tenant.
                integration.sync.queued_at = None;
            }
            if let Some(chosen) = &patch.automatic {
                integration.automatic.clone_from(chosen);
            }
            for (dataset, on) in &patch.datasets {
                integration.datasets_off.retain(|off| off != dataset);
                if !on {
                    integration.datasets_off.push(dataset.clone());
                }
            }
        })
        .await?
        .ok_or_else(Problem::unknown_tenant)?;
    let schedule = &context.services.schedule;
    if after.paused {
        if !before.paused || before.cadence_minutes != after.cadence_minutes {
            schedule.pause(tenant, after.cadence_minutes).await?;
        }
    } else if before.paused || before.cadence_minutes != after.cadence_minutes {
        schedule.every(tenant, after.cadence_minutes).await?;
    }
    if patch
        .removals
        .values()
        .any(|answer| *answer == Answer::Allow)
    {
        sync_if_ready(context, &after).await?;
    }
    Ok(())
}

/// Writes the answers into the datasets' states, under the tenant's lease, so that no worker
/// overwrites them with what it knew before.
async fn answer_removals(
    context: &Context,
    tenant: TenantId,
    answers: &BTreeMap<String, Answer>,
    by: &str,
) -> Result<(), Problem> {
    let store = &context.services.store;
    let lease = store
        .acquire_lease(tenant, "portal", muster_platform::now())
        .await?
        .ok_or_else(Problem::busy)?;
    let done = async {
        let states = store.states(tenant).await?;
        let held = |dataset: &String| -> Option<HeldRemoval> {
            let state = states.iter().find(|state| state.dataset == *dataset)?;
            state.held_removal
        };
        if let Some(dataset) = answers.keys().find(|dataset| held(dataset).is_none()) {
            return Err(Problem::fields([ProblemField::new(
                "removals",
                format!("No removal of {dataset} waits for an answer."),
            )]));
        }
        for mut state in states {
            let Some(answer) = answers.get(&state.dataset) else {
                continue;
            };
            state.removal_allowed = *answer == Answer::Allow;
            state.answered_removal = state.held_removal.map(|held| AnsweredRemoval {
                allowed: *answer == Answer::Allow,
                records: held.records,
                of: held.of,
                at: muster_platform::now(),
                by: by.to_owned(),
            });
            if *answer == Answer::Keep {
                state.held_removal = None;
            }
            store.put_state(&lease, &state).await?;
        }
        Ok(())
    }
    .await;
    store.release_lease(&lease).await?;
    done
}

/// Looks at what is granted now, by minting a token, and syncs when there is something to read.
///
/// # Errors
/// When the sign-in service or the store does not answer.
pub async fn check_again(context: &Context, tenant: TenantId) -> Result<(), Problem> {
    let services = &context.services;
    let integration = find(context, tenant).await?;
    let Some(minted) = renew::mint(services, &integration).await? else {
        return Err(Problem::conflict(
            "urn:muster:problem:no-secret",
            "There is no credential",
            "The vault holds no credential for this tenant. Paste a new client secret under Credential.",
        ));
    };
    let now = muster_platform::now();
    let sentence = match minted.token {
        Ok(token) => {
            let after = services
                .store
                .update_integration(tenant, |integration| {
                    integration.saw_roles(token.claims.roles.clone(), now);
                })
                .await?
                .ok_or_else(Problem::unknown_tenant)?;
            return sync_if_ready(context, &after).await;
        }
        Err(SignInFailure::Unreachable(why)) => {
            return Err(ConnectError::Unreachable(why).into());
        }
        Err(SignInFailure::Passing { why, named }) => {
            return Err(ConnectError::Passing { why, named }.into());
        }
        Err(SignInFailure::Refused(error)) => aadsts::explain(error.code()).sentence,
        Err(SignInFailure::NotProof(_)) => "Microsoft answered with a token for another tenant or app. Delete this integration and connect the tenant again with both IDs from the app registration's Overview page.".to_owned(),
    };
    services
        .store
        .update_integration(tenant, |integration| {
            let since = integration.sign_in_trouble.as_ref().map(|t| t.since);
            integration.sign_in_trouble = Some(Trouble {
                sentence: sentence.clone(),
                since: since.unwrap_or(now),
            });
        })
        .await?;
    Ok(())
}

/// Deletes an integration with its schedule, secret and data: to the end where that is little work, and
/// otherwise in the background.
///
/// # Errors
/// When a part does not go; asking again goes on.
pub async fn delete(context: &Context, tenant: TenantId) -> Result<DeletionView, Problem> {
    let deletion = disconnect::disconnect(&context.services, tenant).await?;
    Ok(DeletionView::new(tenant, &deletion, true))
}

/// Returns the progress of a tenant's deletion, or its receipt.
///
/// # Errors
/// 404 when the tenant is not being deleted, and no receipt is kept.
pub async fn deletion(context: &Context, tenant: TenantId) -> Result<DeletionView, Problem> {
    let integration = context.services.store.integration(tenant).await?;
    let deletion = disconnect::progress(&context.services, tenant).await?;
    let under_way = integration.as_ref().filter(|known| known.deleting);
    // The item of a deletion is stored after the mark on the integration.
    let deletion = match under_way {
        Some(known) => Some(
            deletion
                .filter(|of| of.is_of(known))
                .unwrap_or_else(|| Deletion {
                    name: known.name.clone(),
                    ..Deletion::default()
                }),
        ),
        None => deletion.filter(|deletion| deletion.finished_at.is_some()),
    };
    let deletion = deletion.ok_or_else(Problem::no_deletion)?;
    Ok(DeletionView::new(tenant, &deletion, under_way.is_none()))
}
