//! The last step: the day's summary, the glance for the list of clients, the credential's true
//! expiry, and the counters.

use crate::{SyncError, read::End, run::Run};
use muster_domain::{
    Dataset, DatasetState, Integration, Record, datasets,
    expiry::Credential,
    state::Counters,
    summary::{Counter, Counts, Summary},
};
use muster_platform::{
    metrics::SyncFigures,
    now,
    store::{StoreError, Units},
};

pub(crate) async fn sum_up(
    run: &Run<'_>,
    integration: &Integration,
    ends: &[End],
    mut sum: Counters,
) -> Result<(), SyncError> {
    let now = now();
    let mut units = Units::default();
    let mut counts = integration.glance.clone();
    for end in ends
        .iter()
        .filter(|end| Counter::DATASETS.contains(&end.dataset.name))
    {
        units += recount(run, end.dataset, &end.state, &mut counts).await?;
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
    let summary = Summary {
        date: now.strftime("%Y-%m-%d").to_string(),
        counts: counts.clone(),
    };
    run.services.store.put_summary(run.tenant, &summary).await?;
    let unfinished = ends.iter().any(|end| end.cut_off);
    run.services
        .store
        .update_integration(run.tenant, |integration| {
            integration.glance = counts.clone();
            // Replaced by a person while this sync ran: what was learned is of the one before.
            integration.credential.take_over(&credential);
            integration.sync.last = sum;
            integration.sync.last_started_at = Some(run.began);
            if !unfinished {
                integration.sync.started_at = None;
                integration.sync.finished_at = Some(now);
            }
        })
        .await?;
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

async fn recount(
    run: &Run<'_>,
    dataset: &'static Dataset,
    state: &DatasetState,
    counts: &mut Counts,
) -> Result<Units, StoreError> {
    let mut counter = Counter::new(dataset, now());
    let units = each(run, dataset, |record| counter.count(&record)).await?;
    counter.finish(state, counts);
    Ok(units)
}

async fn each(
    run: &Run<'_>,
    dataset: &'static Dataset,
    mut see: impl FnMut(Record),
) -> Result<Units, StoreError> {
    let mut units = Units::default();
    let mut after: Option<String> = None;
    loop {
        let page = run
            .services
            .store
            .records_after(run.tenant, dataset, after.as_deref())
            .await?;
        units += page.units;
        page.records.into_iter().for_each(&mut see);
        after = page.next;
        if after.is_none() {
            return Ok(units);
        }
    }
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
