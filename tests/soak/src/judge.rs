//! What the engine made of a tenant, held against what Microsoft holds.

use crate::{
    play::Played,
    rig::{Records, Rig},
    witness::Witness,
};
use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use muster_domain::{
    Record,
    state::{DatasetState, Phase},
    summary::{Counter, Counts, counted_datasets},
};
use std::collections::BTreeMap;

/// Each dataset is right, or says that it is not and has kept what it had.
pub(crate) async fn judge(
    rig: &Rig,
    witness: &Witness,
    before: &BTreeMap<&'static str, Records>,
    began: Timestamp,
    moved: bool,
    played: &mut Played,
) -> Result<()> {
    let states = rig.states().await?;
    for name in &rig.datasets {
        let held = rig.held(name).await?;
        witness.nothing_invented(name, &held)?;
        witness.nothing_lost(name, &before[name], &held)?;
        let Some(state) = states.get(*name) else {
            ensure!(held.is_empty(), "{name} holds records without a state");
            continue;
        };
        if state.phase == Phase::Incomplete {
            ensure!(
                state.trouble.is_some(),
                "{name} is incomplete and does not say why"
            );
        }
        if state.phase == Phase::Fresh {
            played.fresh += 1;
        } else {
            played.told += 1;
        }
        // An enumeration that began in an earlier round is of that time.
        let resumed = state
            .complete
            .as_ref()
            .is_some_and(|whole| whole.began_at < began && whole.ended_at >= began);
        let just_now = state.last_attempt_at.is_some_and(|at| at >= began) && !resumed;
        if state.phase == Phase::Fresh && just_now && !moved && state.held_removal.is_none() {
            same(name, &held, &rig.truth(name)?).context("it is called fresh")?;
        }
    }
    Ok(())
}

/// What was held and is still at Microsoft's is held, and nothing that is nowhere; and what was read since
/// `began` and is called fresh is as it is at Microsoft's: for a tenant that has not changed since.
///
/// # Errors
/// What is lost or invented.
pub async fn kept(
    rig: &Rig,
    before: &BTreeMap<&'static str, Records>,
    began: Timestamp,
) -> Result<()> {
    for (name, before) in before {
        let (held, truth) = (rig.held(name).await?, rig.truth(name)?);
        for (key, object) in &held {
            let known = before.get(key) == Some(object) || truth.get(key) == Some(object);
            ensure!(known, "{name} holds a {key} that never was so: {object:?}");
        }
        let lost = before
            .keys()
            .find(|key| truth.contains_key(*key) && !held.contains_key(*key));
        ensure!(lost.is_none(), "{name} has lost {lost:?}");
        let state = rig.states().await?.remove(*name);
        let read = |state: &DatasetState| state.last_attempt_at.is_some_and(|at| at >= began);
        if state.is_some_and(|state| state.phase == Phase::Fresh && read(&state)) {
            same(name, &held, &truth).context("it is called fresh")?;
        }
    }
    Ok(())
}

/// Everything is as it is at Microsoft's, and says so.
///
/// # Errors
/// What is not.
pub async fn right(rig: &Rig) -> Result<()> {
    let states = rig.states().await?;
    for name in &rig.datasets {
        let state = states
            .get(*name)
            .with_context(|| format!("{name} has no state"))?;
        is_fresh(state).with_context(|| format!("{state:#?}"))?;
        let held = rig.held(name).await?;
        same(name, &held, &rig.truth(name)?)?;
        ensure!(
            state.records == held.len() as u64,
            "{name} counts {} records and holds {}",
            state.records,
            held.len()
        );
    }
    let integration = rig.change(|_| {}).await?;
    counted(rig, &states, &integration.glance).await?;
    ensure!(integration.sync.finished_at.is_some(), "no sync has ended");
    ensure!(
        integration.sync.started_at.is_none(),
        "a sync is still under way"
    );
    Ok(())
}

/// The summary counts what is held.
async fn counted(
    rig: &Rig,
    states: &BTreeMap<String, DatasetState>,
    summary: &Counts,
) -> Result<()> {
    let mut truth = summary.clone();
    for dataset in counted_datasets() {
        let Some(state) = states.get(dataset.name) else {
            continue;
        };
        let mut counter = Counter::new(dataset, muster_platform::now());
        let records = rig.records(dataset).await?;
        let texts = records.iter().map(Record::to_text);
        texts.for_each(|text| counter.count(&text));
        counter.finish(state, &mut truth);
    }
    ensure!(
        *summary == truth,
        "counted are {summary:?}, and held {truth:?}"
    );
    Ok(())
}

fn is_fresh(state: &DatasetState) -> Result<()> {
    let name = &state.dataset;
    ensure!(
        state.phase == Phase::Fresh,
        "{name} is {}",
        state.phase.name()
    );
    ensure!(state.verdict.allows(), "{name}: {}", state.verdict.label());
    ensure!(
        state.complete.is_some(),
        "{name} has no proof that it is complete"
    );
    ensure!(state.held_removal.is_none(), "{name} waits for an answer");
    Ok(())
}

fn same(name: &str, held: &Records, truth: &Records) -> Result<()> {
    for (key, object) in truth {
        match held.get(key) {
            None => bail!("{name} lacks {key}"),
            Some(other) if other != object => {
                bail!("{name} holds an older {key}: {other:?}, which is now {object:?}")
            }
            Some(_) => {}
        }
    }
    match held.keys().find(|key| !truth.contains_key(*key)) {
        Some(key) => bail!("{name} still holds {key}, which is gone"),
        None => Ok(()),
    }
}
