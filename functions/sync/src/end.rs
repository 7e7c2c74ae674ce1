//! What the end of a list proves, and what follows from it.

use crate::{
    diff::Held,
    read::{Reading, Stop},
};
use jiff::{SignedDuration, Timestamp};
use muster_domain::{
    Enumeration, Verdict,
    cloud::{ForeignLink, LONGEST_LINK},
    fault::Fault,
    plan::From,
    state::{Checkpoint, Completeness, Phase},
    tally,
};
use muster_platform::now;

/// A list that ended too early is looked at again so much later.
const READ_AGAIN_IN: SignedDuration = SignedDuration::from_mins(5);

impl Reading<'_> {
    /// The last page is written: what is proven now?
    pub(crate) async fn end(
        &mut self,
        from: &From,
        delta_link: Option<String>,
    ) -> Result<(), Stop> {
        let proof = match (self.dataset.enumeration, &delta_link) {
            (Enumeration::Delta(_), None) if self.state.asking.without_changes => "last page",
            (Enumeration::Delta(_), None) => {
                return Err(Stop::Fault(Fault::Refused {
                    status: 200,
                    code: "an answer that ends without a delta link".to_owned(),
                }));
            }
            (Enumeration::Delta(_), Some(_)) => "deltaLink",
            (Enumeration::Report, _) => "whole report",
            (Enumeration::Single, _) => "single object",
            (Enumeration::Full | Enumeration::SnapshotByDay, _) => "last page",
        };
        self.state.rows = self.rows;
        // An empty report has no date; what is held may wait for an answer and is of the day before.
        if !self.empty {
            self.state.data_date = self.data_date;
        }
        if self.rows.unreadable > 0 {
            self.rows_are_missing();
            return Ok(());
        }
        self.state.skipped = self.skipped();
        if self.skipped() > 0 {
            self.state.checkpoint.next_link = None;
            self.objects_are_missing();
            return Ok(());
        }
        // One that leads elsewhere is kept and never followed: the list is read from its start next.
        if delta_link
            .as_ref()
            .is_some_and(|link| link.len() > LONGEST_LINK)
        {
            return Err(Stop::Fault(Fault::Refused {
                status: 200,
                code: ForeignLink::TooLong.to_string(),
            }));
        }
        if matches!(from, From::DeltaLink(_)) {
            if self.unknown_parts > 0 {
                return Err(Stop::StartOver(
                    "it named a part of a record that is not held",
                ));
            }
            self.hold_against_count().await?;
        }
        let counted = self.counted_by_microsoft().await?;
        if self.from_start {
            self.remove_unseen().await?;
        }
        // Before the state says that all is well: it may be stored together with what is packed.
        self.pack().await?;
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
                counted,
            });
        }
        self.state.verdict = Verdict::Allowed;
        if self.leftovers && !self.from_start && self.dataset.enumeration.proves_absence() {
            return Err(Stop::LeftOver);
        }
        self.state.phase = Phase::Fresh;
        self.state.repeated = None;
        self.state.last_success_at = Some(ended_at);
        Ok(())
    }

    /// Some rows of a report could not be read: the others are kept, and nothing is removed, since a
    /// record that is missing may be one of them.
    fn rows_are_missing(&mut self) {
        let rows = match self.rows.unreadable {
            1 => "1 row of Microsoft's report could not be read".to_owned(),
            more => format!("{more} rows of Microsoft's report could not be read"),
        };
        let kept = match self.read {
            1 => "The other one is kept".to_owned(),
            others => format!("The other {others} are kept"),
        };
        self.state.checkpoint = Checkpoint::default();
        self.state.verdict = Verdict::Allowed;
        self.state.phase = Phase::Incomplete;
        self.state.trouble = Some(format!(
            "{rows}. {kept}, and nothing was removed, since a record that is missing may be in such a row. Muster reads the report again in {} hours.",
            self.dataset.due_every_minutes / 60
        ));
    }

    /// Holds a whole list against Microsoft's own count, where there is one and it can be had.
    async fn counted_by_microsoft(&mut self) -> Result<Option<u64>, Stop> {
        let (Some(path), Held::Whole(index)) = (self.dataset.count, &self.held) else {
            return Ok(None);
        };
        let listed = index.len() - index.unseen();
        let (graph, clock) = (&self.run.graph, &self.run.clock);
        let requests = &mut self.state.run;
        let counted = graph.count(self.dataset, path, clock, requests).await;
        self.state.counted_at = Some(now());
        if let Some(counted) = counted
            && tally::falls_short(listed, counted, self.state.disputed())
        {
            return Err(Stop::FellShort { listed, counted });
        }
        self.state.fell_short = None;
        Ok(counted)
    }

    /// A list that held fewer objects than Microsoft counts is read again, from its start; says when.
    pub(crate) fn is_not_believed(&mut self, listed: u64, counted: u64) -> Option<Timestamp> {
        let again_at = now().checked_add(READ_AGAIN_IN).ok();
        let when = again_at.map_or_else(
            || "with the next sync".to_owned(),
            |at| at.strftime("at %H:%M UTC").to_string(),
        );
        self.state.checkpoint = Checkpoint::default();
        self.state.fell_short = Some(listed);
        self.state.verdict = Verdict::Allowed;
        self.state.phase = Phase::Incomplete;
        self.state.trouble = Some(format!(
            "Microsoft counts {counted} {}, and its list ended after {listed}. Nothing was removed; the list is read again {when}.",
            self.dataset.title.to_lowercase(),
        ));
        again_at
    }
}
