//! Removing what a complete enumeration has proven gone.

use crate::{
    count::Counted,
    diff::{self, Held},
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
        let Held::Whole(index) = &mut self.held else {
            return Ok(());
        };
        if index.unseen() == 0 {
            self.state.removal_allowed = false;
            return Ok(());
        }
        // The index knows how many are missing; which they are, and how many there are in all, is
        // asked of the store itself.
        let store = &self.run.services.store;
        let (unseen, units) = store.unseen(self.run.tenant, self.dataset, index).await?;
        self.units += units;
        let (held, missing) = (unseen.of, unseen.keys.len() as u64);
        // The answer was about so many records, and a few more since; not about whatever comes.
        let allowed = self.state.removal_allowed
            && asked.is_some_and(|asked| missing <= asked.records + removal::FEW);
        if removal::decide(held, missing, self.read, allowed) == Decision::Ask {
            self.counted = Counted::Anew;
            self.state.removal_allowed = false;
            self.state.held_removal = Some(HeldRemoval {
                records: missing,
                of: held,
                since: now(),
            });
            return Ok(());
        }
        self.state.removal_allowed = false;
        for keys in unseen.keys.chunks(500) {
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
                self.moves.removed(key);
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
        if let Held::Whole(index) = &mut self.held {
            index.remove_unseen();
        }
        self.state.records = held - missing;
        Ok(())
    }
}
