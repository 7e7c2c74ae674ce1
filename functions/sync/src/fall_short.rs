//! An enumeration that fell short: the state says why, in words for a person.

use crate::read::Reading;
use muster_domain::{
    Verdict,
    fault::Fault,
    licenses,
    state::Phase,
    trouble::{self, Cause},
    verdict::Licence,
};
use muster_platform::{now, store::StoreError};

impl Reading<'_> {
    /// An enumeration that did not reach its end: what is held stays, and the state says why.
    pub(crate) async fn fell_short(&mut self, fault: &Fault) -> Result<(), StoreError> {
        let blocked = match fault {
            Fault::NotLicensed(licence) if !self.holds(*licence).await? => {
                Some(Verdict::NotLicensed { licence: *licence })
            }
            Fault::NotLicensed(licence) if self.state.was_never_set_up(*licence, now()) => {
                Some(Verdict::NotSetUp)
            }
            Fault::NotInCloud => Some(Verdict::UnavailableInCloud),
            _ => None,
        };
        if let Some(verdict) = blocked {
            self.state.verdict = verdict;
            self.state.phase = Phase::Blocked;
            return Ok(());
        }
        let repeated = self.state.falls_short(Cause::of(fault), now());
        self.state.phase = Phase::Incomplete;
        self.state.trouble = Some(trouble::sentence(
            self.dataset,
            fault,
            &repeated,
            self.state.next_try,
            now(),
        ));
        // The rows and objects that could not be read were another run's trouble.
        self.state.rows.unreadable = 0;
        self.state.skipped = 0;
        Ok(())
    }

    /// Whether the tenant holds a licence, as far as its subscribed SKUs are known.
    async fn holds(&self, licence: Licence) -> Result<bool, StoreError> {
        let skus = &muster_domain::datasets::subscribed_skus::SUBSCRIBED_SKUS;
        let held = self
            .run
            .services
            .store
            .records_after(self.run.tenant, skus, None)
            .await?;
        Ok(held.records.iter().any(|sku| licenses::gives(sku, licence)))
    }
}
