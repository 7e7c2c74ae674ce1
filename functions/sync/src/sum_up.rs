//! The last step: the day's summary, the glance for the list of clients, the credential's true
//! expiry, and the counters.

use crate::{
    SyncError,
    count::{Counted, each},
    read::End,
    run::Run,
};
use muster_domain::{
    Integration, datasets,
    expiry::Credential,
    latest::Latest,
    state::Counters,
    summary::{Counter, Summary},
};
use muster_platform::{
    metrics::SyncFigures,
    now,
    store::{StoreError, Units},
};

pub(crate) async fn sum_up(
    run: &Run<'_>,
    integration: &Integration,
    mut latest: Latest,
    mut ends: Vec<End>,
    mut sum: Counters,
) -> Result<(), SyncError> {
    let now = now();
    let mut units = Units::default();
    let mut counts = integration.glance.clone();
    for end in &mut ends {
        if Counter::DATASETS.contains(&end.dataset.name) {
            let counted = std::mem::replace(&mut end.counted, Counted::Anew);
            units += counted
                .finish(run, end.dataset, &end.state, &mut counts)
                .await?;
        }
    }
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
    let credential = match ends.iter().any(told) {
        true => learn(run, integration, &integration.credential).await?,
        false => integration.credential.clone(),
    };
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
            // Replaced by a person while this sync ran: what was learned is of the one before.
            integration.credential.take_over(&credential);
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
    if !ends.iter().any(|end| end.cut_off) {
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

/// Takes the true expiry from our own app registration, where the tenant's directory shows it.
async fn learn(
    run: &Run<'_>,
    integration: &Integration,
    credential: &Credential,
) -> Result<Credential, StoreError> {
    let applications = &datasets::applications::APPLICATIONS;
    let mut credential = credential.clone();
    each(run, applications, |app| {
        if app.get(applications, "app_id")
            == &serde_json::Value::String(integration.client_id.to_string())
        {
            credential.learn(
                app.get(applications, "password_credentials"),
                app.get(applications, "key_credentials"),
                now(),
            );
        }
    })
    .await?;
    Ok(credential)
}
