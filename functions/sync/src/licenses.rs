//! Counts licenses when a sync ends: SKUs, subscriptions and the account's choices make up the counts
//! together, so that no one dataset can be counted by itself.

use crate::{attempts::End, count::each, run::Run};
use muster_domain::{
    DatasetState, datasets::subscribed_skus::SUBSCRIBED_SKUS,
    datasets::subscriptions::SUBSCRIPTIONS, licenses, sku::Names, summary::Counts,
};
use muster_platform::{
    licenses::choices,
    store::{Standing, StoreError, Units},
};

/// Sets the counts of licenses, where anything that they are made of has changed since they were last
/// made. Reads nothing but the account's choices where nothing has.
pub(crate) async fn count(
    run: &Run<'_>,
    standing: &mut Standing,
    ends: &[End],
    counts: &mut Counts,
) -> Result<Units, StoreError> {
    let mut units = Units::default();
    if !state_of(SUBSCRIBED_SKUS.name, standing, ends).is_some_and(DatasetState::countable) {
        return Ok(units);
    }
    let choices = choices(run.services).await?;
    let mark = licenses::mark(&choices);
    let moved = [&SUBSCRIBED_SKUS, &SUBSCRIPTIONS].iter().any(|dataset| {
        let of = |name: &str| name == dataset.name;
        let wrote = |end: &End| end.state.run.written + end.state.run.removed > 0;
        let end = ends.iter().find(|end| of(end.dataset.name));
        standing.not_summed_up.iter().any(|name| of(name)) || end.is_some_and(wrote)
    });
    if !moved && !run.lease.goes_on && standing.latest.licenses_mark.as_ref() == Some(&mark) {
        return Ok(units);
    }
    let (mut skus, mut subscriptions) = (Vec::new(), Vec::new());
    units += each(run, &SUBSCRIBED_SKUS, |sku| skus.push(sku)).await?;
    units += each(run, &SUBSCRIPTIONS, |one| subscriptions.push(one)).await?;
    let lines = licenses::lines(&skus, &subscriptions, &choices, &Names::default());
    licenses::totals(&lines).set(counts);
    standing.latest.licenses_mark = Some(mark);
    Ok(units)
}

/// A dataset's state as this sync leaves it.
fn state_of<'a>(name: &str, standing: &'a Standing, ends: &'a [End]) -> Option<&'a DatasetState> {
    let end = ends.iter().find(|end| end.dataset.name == name);
    let held = || standing.states.iter().find(|state| state.dataset == name);
    end.map(|end| &end.state).or_else(held)
}
