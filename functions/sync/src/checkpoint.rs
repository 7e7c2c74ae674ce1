//! What is written down of a dataset's reading, and when: before anything else is written that the
//! dataset is being read, then where it stands, and at the end how it ended. A reading that wrote
//! nothing leaves the stored state as it is.

use crate::read::{Reading, Stop};
use jiff::{SignedDuration, Timestamp};
use muster_domain::{plan::From, state::Phase};
use muster_platform::{
    now,
    store::{Batch, StoreError},
};

/// Progress is written at most this often.
const SAVE_EVERY: SignedDuration = SignedDuration::from_millis(400);
/// A delta link that brought nothing is asked again until it is half as old as it may be.
const LINK_KEPT: SignedDuration = SignedDuration::from_hours(3 * 24);

impl Reading<'_> {
    /// Writes down that the dataset is being read, once: whatever else this run writes comes after, so
    /// that a crash never leaves an index or a delta link that do not know of it.
    pub(crate) async fn open(&mut self) -> Result<(), StoreError> {
        if self.opened {
            return Ok(());
        }
        self.save().await
    }

    pub(crate) async fn before_writing(&mut self, batch: &Batch) -> Result<(), StoreError> {
        match batch.is_empty() {
            true => Ok(()),
            false => self.open().await,
        }
    }

    /// Returns true if a later run can go on from the page in hand.
    pub(crate) fn resumes(&self) -> bool {
        self.state.complete.is_none() && self.skipped() == 0
    }

    /// Moves the checkpoint past a page that is written. Only a first enumeration resumes at a
    /// page: a later one starts anew, since only a whole one may remove. One that met objects it
    /// cannot keep starts anew, too, lest they be forgotten. It does not move past pages that are held
    /// back.
    pub(crate) async fn checkpoint(&mut self, link: String) -> Result<(), Stop> {
        if !self.held_back.is_empty() {
            return Ok(());
        }
        if self.resumes() {
            self.pack().await?;
            self.state.checkpoint.next_link = Some(link);
            self.state.checkpoint.next_link_at = Some(now());
            self.state.checkpoint.counts = self.counted.so_far();
            self.state.checkpoint.began_at = Some(self.enumeration_began);
            self.state.checkpoint.objects = self.read;
            self.state.checkpoint.leftovers = self.leftovers;
        }
        let due = now().duration_since(self.saved_at) >= SAVE_EVERY || self.run.clock.over();
        if self.opened && due {
            self.save().await?;
        }
        Ok(())
    }

    /// Whether the delta link in hand is as good as the one that this round ended with.
    pub(crate) fn keeps_its_link(&self, from: &From, at: Timestamp) -> bool {
        let given = self.state.checkpoint.delta_link_at;
        let young = given.is_some_and(|given| at.duration_since(given) < LINK_KEPT);
        matches!(from, From::DeltaLink(_)) && self.empty && young
    }

    /// Writes down how the reading ended; `false` where what is stored says so already, but for when
    /// the dataset was looked at.
    pub(crate) async fn close(&mut self) -> Result<bool, StoreError> {
        if self.state.phase != Phase::Fresh {
            // What a part of a list leaves out says nothing of the rest.
            self.state.kept = self.state.kept.or(self.stored.kept);
            self.state.truncated = self.state.truncated.max(self.stored.truncated);
            self.state.oversized_keys = self.state.oversized_keys.max(self.stored.oversized_keys);
        }
        if !self.opened && self.state.says_the_same(&self.stored) {
            self.measure();
            return Ok(false);
        }
        self.save().await?;
        Ok(true)
    }

    async fn save(&mut self) -> Result<(), StoreError> {
        self.opened = true;
        self.saved_at = now();
        self.measure();
        self.run
            .services
            .store
            .put_state(&self.run.lease, &self.state)
            .await
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "units are small and never negative"
    )]
    fn measure(&mut self) {
        let run = &mut self.state.run;
        run.took_ms = u64::try_from(now().duration_since(self.began).as_millis()).unwrap_or(0);
        run.write_units = self.units.write.ceil() as u64;
        run.read_units = self.units.read.ceil() as u64;
    }
}
