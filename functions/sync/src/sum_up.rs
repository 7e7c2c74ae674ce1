//! The last step: the day's summary, the glance for the list of clients, the credential's true
//! expiry, and the counters.

use crate::{
    SyncError,
    attempts::End,
    count::{Counted, each},
    licenses,
    run::Run,
};
use muster_domain::{
    Integration, Permission, datasets,
    expiry::Credential,
    secret_policy::SecretPolicy,
    state::Counters,
    summary::{Summary, counted_datasets},
};
use muster_platform::{
    metrics::SyncFigures,
    now,
    store::{Standing, StoreError, Units},
};

pub(crate) async fn sum_up(
    run: &Run<'_>,
    integration: &Integration,
    mut standing: Standing,
    mut ends: Vec<End>,
    mut sum: Counters,
) -> Result<(), SyncError> {
    let now = now();
    let mut units = Units::default();
    let mut counts = integration.glance.clone();
    for dataset in counted_datasets() {
        // What a run that broke off has read is not in the counts, and may not be due again.
        let broke_off = standing.not_summed_up.iter().any(|n| n == dataset.name);
        let end = ends.iter_mut().find(|end| end.dataset.name == dataset.name);
        let states = &standing.states;
        let (state, counted) = match end {
            Some(end) => (&end.state, std::mem::take(&mut end.counted)),
            None => match states.iter().find(|state| state.dataset == dataset.name) {
                Some(state) if broke_off => (state, Counted::Anew),
                _ => continue,
            },
        };
        let shifts = !broke_off && !run.lease.goes_on;
        units += counted
            .finish(run, dataset, state, shifts, &mut counts)
            .await?;
    }
    units += licenses::count(run, &mut standing, &ends, &mut counts).await?;
    let mut latest = standing.latest;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "units are small and positive"
    )]
    let recounted = units.read.ceil() as u64;
    sum.read_units += recounted;
    // Only what was read whole now tells what is there, and what is not.
    let told = |end: &End| {
        end.dataset.name == "applications" && end.state.phase == muster_domain::state::Phase::Fresh
    };
    let learned = match ends.iter().any(told) {
        true => Some(learn(run, integration, &mut sum).await?),
        false => None,
    };
    let ended = !ends.iter().any(|end| end.cut_off);
    let today = now.strftime("%Y-%m-%d").to_string();
    if counts != integration.glance || latest.summed_up.as_ref() != Some(&today) {
        let summary = Summary {
            date: today.clone(),
            counts: counts.clone(),
        };
        run.services.store.put_summary(run.tenant, &summary).await?;
    }
    run.services
        .store
        .update_integration(run.tenant, |integration| {
            integration.glance = counts.clone();
            if ended {
                integration.sync_failure = None;
            }
            if let Some(learned) = &learned {
                // Replaced by a person while this sync ran: what was learned is of the one before.
                integration.credential.take_over(&learned.credential);
                if let Some(policy) = &learned.policy {
                    SecretPolicy::renew(&mut integration.secret_policy, policy);
                }
            }
        })
        .await?;
    // Everything else that moved although nothing changed is one item, the last that a sync writes.
    for end in ends.iter().filter(|end| !end.stored) {
        latest.note(run.lease.number, &end.state);
    }
    latest.summed_up = Some(today);
    latest.roles_at = integration.roles_at;
    latest.sync.last = sum;
    latest.sync.last_started_at = Some(run.began);
    if ended {
        latest.sync.finished_at = Some(now);
    }
    run.services.store.put_latest(&run.lease, &latest).await?;
    let figures = SyncFigures {
        counters: sum,
        age: integration
            .sync
            .finished_at
            .map(|before| now.duration_since(before)),
    };
    run.services.metrics.sync_ended(run.tenant, &figures, now);
    tracing::info!(
        tenant.id = %run.tenant, read = sum.read, written = sum.written, unchanged = sum.unchanged, removed = sum.removed,
        requests = sum.requests, write_units = sum.write_units, read_units = sum.read_units, cost_cents = sum.cost_cents(),
        duration_ms = sum.took_ms, "sync ended",
    );
    Ok(())
}

/// What the app registration and the tenant's policy tell.
struct Learned {
    credential: Credential,
    policy: Option<SecretPolicy>,
}

/// Takes the true expiry from our own app registration, where the tenant's directory shows it, and
/// what the policy says of the next secret, where that may be read.
async fn learn(
    run: &Run<'_>,
    integration: &Integration,
    sum: &mut Counters,
) -> Result<Learned, StoreError> {
    let applications = &datasets::applications::APPLICATIONS;
    let mut credential = integration.credential.clone();
    let mut own = None;
    each(run, applications, |app| {
        if app.get(applications, "app_id")
            == &serde_json::Value::String(integration.client_id.to_string())
        {
            let text = |column: &str| app.get(applications, column).as_str().map(str::to_owned);
            own = text("id").map(|id| (id, text("created_date_time")));
            credential.learn(
                app.get(applications, "password_credentials"),
                app.get(applications, "key_credentials"),
                now(),
            );
        }
    })
    .await?;
    let mut policy = None;
    if let Some((object_id, created)) = own
        && integration.roles.contains(&Permission::PolicyReadAll)
    {
        let created = created.and_then(|text| text.parse().ok());
        sum.requests += 2;
        // What cannot be read now is read with the next sync; what was known stays.
        policy = run.graph.secret_policy(&object_id, created).await.ok();
    }
    Ok(Learned { credential, policy })
}
