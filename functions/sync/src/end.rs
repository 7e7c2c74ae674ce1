//! What the end of a list proves, and what follows from it.

use crate::read::{Reading, Stop};
use muster_domain::{
    Enumeration, Verdict,
    fault::Fault,
    plan::From,
    state::{Checkpoint, Completeness, Phase},
};
use muster_platform::now;

impl Reading<'_> {
    /// The last page is written: what is proven now?
    pub(crate) async fn end(
        &mut self,
        from: &From,
        delta_link: Option<String>,
    ) -> Result<(), Stop> {
        let proof = match (self.dataset.enumeration, &delta_link) {
            (Enumeration::Delta, None) => {
                return Err(Stop::Fault(Fault::Refused {
                    status: 200,
                    code: "an answer that ends without a delta link".to_owned(),
                }));
            }
            (Enumeration::Delta, Some(_)) => "deltaLink",
            (Enumeration::Report, _) => "whole report",
            (Enumeration::Single, _) => "single object",
            (Enumeration::Full | Enumeration::SnapshotByDay, _) => "last page",
        };
        if self.unkeyed > 0 {
            self.state.checkpoint.next_link = None;
            self.state.phase = Phase::Incomplete;
            self.state.trouble = Some(format!(
                "{} objects came without an id and cannot be kept; nothing was removed.",
                self.unkeyed
            ));
            return Ok(());
        }
        if self.from_start {
            self.remove_unseen().await?;
        }
        let ended_at = now();
        if !self.keeps_its_link(from, ended_at) {
            self.state.checkpoint = Checkpoint {
                delta_link_at: delta_link.as_ref().map(|_| ended_at),
                delta_link,
                ..Checkpoint::default()
            };
        }
        if !matches!(from, From::DeltaLink(_)) {
            self.state.complete = Some(Completeness {
                began_at: self.enumeration_began,
                ended_at,
                objects: self.read,
                proof: proof.to_owned(),
            });
        }
        self.state.verdict = Verdict::Allowed;
        if self.leftovers && !self.from_start && self.dataset.enumeration.proves_absence() {
            return Err(Stop::LeftOver);
        }
        self.state.phase = Phase::Fresh;
        self.state.last_success_at = Some(ended_at);
        Ok(())
    }
}
