//! Removing what a complete enumeration has proven gone.

use crate::{
    diff,
    read::{Reading, Stop},
};
use muster_domain::{
    removal::{self, Decision},
    state::HeldRemoval,
};
use muster_platform::{now, store::Batch};
use std::collections::HashMap;

impl Reading<'_> {
    /// Removes what a complete enumeration did not show, or asks when that is too much to believe.
    pub(crate) async fn remove_unseen(&mut self) -> Result<(), Stop> {
        let asked = self.state.held_removal.take();
        if !self.dataset.enumeration.proves_absence() {
            return Ok(());
        }
        let unseen = self.held.unseen();
        let held = self.held.len().unwrap_or(0);
        let missing = unseen.len() as u64;
        // The answer was about so many records, and a few more since; not about whatever comes.
        let allowed = self.state.removal_allowed
            && asked.is_some_and(|asked| missing <= asked.records + removal::FEW);
        if removal::decide(held, missing, self.read, allowed) == Decision::Ask {
            self.state.removal_allowed = false;
            self.state.held_removal = Some(HeldRemoval {
                records: missing,
                of: held,
                since: now(),
            });
            return Ok(());
        }
        self.state.removal_allowed = false;
        for keys in unseen.chunks(500) {
            let texts = if self.history {
                let (texts, units) = self
                    .run
                    .services
                    .store
                    .texts(self.run.tenant, self.dataset, keys)
                    .await?;
                self.units += units;
                texts
            } else {
                HashMap::new()
            };
            let mut batch = Batch::default();
            for key in keys {
                let before = texts.get(key).map(String::as_str);
                diff::remove(
                    self.dataset,
                    &mut batch,
                    key.clone(),
                    before,
                    self.history,
                    self.run.began,
                    &mut self.state.run,
                );
            }
            self.state.run.changes += batch.changes.len() as u64;
            self.write(batch).await?;
        }
        self.state.records = held - missing;
        Ok(())
    }
}
