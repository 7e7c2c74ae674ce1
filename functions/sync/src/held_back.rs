//! Pages that may have holes, held back until that is known (`muster_domain::holes` decides).

use crate::read::{Reading, Stop};
use muster_domain::{
    holes::{self, Step},
    page::Page,
    state::{Checkpoint, Phase},
    trouble::Cause,
};
use muster_platform::{now, store::Batch};

impl Reading<'_> {
    /// Says what to write of a page: nothing yet, where it may have holes.
    pub(crate) async fn weigh(&mut self, page: Page) -> Result<Batch, Stop> {
        let asking = &self.state.asking;
        let (top, believed) = (asking.top(self.dataset), asking.believed_beyond);
        match self.holes.weigh(&page, top, believed) {
            Step::Take => {}
            Step::Hold => {
                self.held_back.push(page);
                return Ok(Batch::default());
            }
            Step::Believe(row) => {
                let before = self.asking_before.take();
                let asking = &mut self.state.asking;
                *asking = before.unwrap_or_else(|| asking.clone());
                asking.believed_beyond = Some(row);
                asking.learned_at = Some(now());
            }
            Step::AskSmaller(size) => return Err(Stop::Holes(Some(size))),
            Step::Stop => return Err(Stop::Holes(None)),
        }
        for held in std::mem::take(&mut self.held_back) {
            let batch = self.take(held).await?;
            self.write(batch).await?;
        }
        self.take(page).await
    }

    /// Has the next attempt ask for pages of this size. It is remembered where the pages are then whole.
    pub(crate) fn asks_smaller(&mut self, size: u16) {
        let asking = &mut self.state.asking;
        self.asking_before.get_or_insert_with(|| asking.clone());
        asking.page_size = Some(size);
        asking.learned_at = Some(now());
    }

    /// The smallest pages have holes, too: the list is not believed. The next sync tests it anew.
    pub(crate) fn has_holes(&mut self) {
        if let Some(before) = self.asking_before.take() {
            self.state.asking = before;
        }
        self.state.checkpoint = Checkpoint::default();
        self.state.phase = Phase::Incomplete;
        let repeated = self.state.falls_short(Cause::Holes, now());
        self.state.trouble = Some(holes::sentence(self.dataset, &repeated));
    }
}
