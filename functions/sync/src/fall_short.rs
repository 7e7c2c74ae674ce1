//! An enumeration that fell short: the state says why, in words for a person.

use crate::read::Reading;
use muster_domain::{Verdict, fault::Fault, state::Phase, verdict::Licence};
use muster_platform::store::StoreError;

impl Reading<'_> {
    /// An enumeration that did not reach its end: what is held stays, and the state says why.
    pub(crate) async fn fell_short(&mut self, fault: &Fault) -> Result<(), StoreError> {
        let permissions = || {
            self.dataset
                .permissions()
                .map(muster_domain::Permission::value)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let trouble = match fault {
            Fault::NotLicensed(licence) if !self.holds(*licence).await? => {
                self.state.verdict = Verdict::NotLicensed { licence: *licence };
                self.state.phase = Phase::Blocked;
                return Ok(());
            }
            Fault::NotInCloud => {
                self.state.verdict = Verdict::UnavailableInCloud;
                self.state.phase = Phase::Blocked;
                return Ok(());
            }
            Fault::NotLicensed(licence) => format!("Microsoft says that the tenant has no {} licence, though it holds one. This passes; Muster tries again at the next sync.", licence.name()),
            Fault::Forbidden => format!("Microsoft refuses, though the app holds {}. After a new consent this passes within minutes; if it stays, grant admin consent again.", permissions()),
            Fault::Silent => "Microsoft Graph did not answer in time. Muster tries again at the next sync; nothing was removed.".to_owned(),
            Fault::Throttled(_) => "Microsoft asks to wait longer than a run waits. Muster comes back at the time it named.".to_owned(),
            Fault::Passing(why) => format!("Microsoft Graph did not answer properly ({why}). Muster tries again at the next sync; nothing was removed."),
            Fault::TokenRefused => "Microsoft does not accept its own access token. Muster tries again at the next sync.".to_owned(),
            Fault::StateLost => "Microsoft lost the place in the list twice in a row. Muster tries again at the next sync; nothing was removed.".to_owned(),
            Fault::Refused { status, code } => format!("Microsoft Graph gave an answer that Muster does not act on: {code} ({status}). What was read before is kept."),
        };
        self.state.phase = Phase::Incomplete;
        self.state.trouble = Some(trouble);
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
        let plans = held
            .records
            .iter()
            .filter(|sku| sku.get(skus, "capability_status") == "Enabled");
        let mut ids = plans.flat_map(|sku| {
            sku.get(skus, "service_plans")
                .as_array()
                .into_iter()
                .flatten()
        });
        Ok(ids.any(|plan| {
            let id = plan
                .get("servicePlanId")
                .and_then(|id| id.as_str())
                .unwrap_or_default();
            licence
                .service_plans()
                .iter()
                .any(|known| known.eq_ignore_ascii_case(id))
        }))
    }
}
