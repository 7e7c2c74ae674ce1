//! An enumeration that fell short: the state says why, in words for a person.

use crate::read::Reading;
use muster_domain::{Verdict, fault::Fault, http_status, licenses, state::Phase, verdict::Licence};
use muster_platform::{now, store::StoreError};

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
            Fault::Throttled(_) => self.throttled(),
            Fault::Passing(why) => format!("Microsoft Graph did not answer properly ({why}). Muster tries again at the next sync; nothing was removed."),
            Fault::TokenRefused => "Microsoft does not accept its own access token. Muster tries again at the next sync.".to_owned(),
            Fault::StateLost => "Microsoft lost the place in the list twice in a row. Muster tries again at the next sync; nothing was removed.".to_owned(),
            Fault::Unreadable(why) => format!("Microsoft's report came whole, and Muster cannot read it: {why}. What was read before is kept; Muster reads the report again at the next sync."),
            Fault::Refused { status: ..400, code } => format!("Microsoft Graph gave an answer that Muster does not act on: {code}. What was read before is kept."),
            Fault::Refused { status, code } => refused(*status, code),
        };
        self.state.phase = Phase::Incomplete;
        self.state.trouble = Some(trouble);
        // The rows that could not be read were another run's trouble.
        self.state.rows.unreadable = 0;
        Ok(())
    }

    /// Says when a throttled dataset is read again. The limit may be Microsoft's answer, or the published
    /// quota that Muster keeps to.
    fn throttled(&self) -> String {
        let when = self
            .state
            .next_try
            .map_or_else(|| "at the next sync".to_owned(), |next| next.when(now()));
        format!(
            "Microsoft limits how often this may be read, and the limit is reached. Muster tries again {when}. What was read before is kept."
        )
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

fn refused(status: u16, code: &str) -> String {
    let because = http_status::in_words(status);
    let code = match code {
        "" => String::new(),
        code => format!(" Microsoft's own word for it is {code}."),
    };
    format!("Microsoft Graph refused the request: {because}.{code} What was read before is kept.")
}
