//! A deletion as it is told, by the API and on the page alike.

use jiff::Timestamp;
use muster_domain::{TenantId, deletion::Deletion};
use serde::Serialize;
use std::collections::BTreeMap;

/// A deletion under way, or the receipt of one that ended.
#[derive(Debug, Clone, Serialize)]
pub struct DeletionView {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The client's name.
    pub name: String,
    /// `deleting`, or `deleted` at the end.
    pub status: &'static str,
    /// The time at which the deletion was requested.
    pub asked_at: Option<Timestamp>,
    /// The time at which everything was gone.
    pub finished_at: Option<Timestamp>,
    /// Until when the receipt is kept.
    pub kept_until: Option<Timestamp>,
    /// True if a schedule was deleted.
    pub schedule: bool,
    /// True if a secret was deleted.
    pub secret: bool,
    /// Records deleted, by dataset.
    pub records: BTreeMap<String, u64>,
    /// Change records deleted.
    pub changes: u64,
    /// Daily summaries deleted.
    pub summaries: u64,
    /// Dataset states deleted.
    pub states: u64,
    /// Control items deleted: the integration, its states, its lease.
    pub control_items: u64,
    /// The state of the deletion.
    pub progress: DeletionProgress,
    /// The reason for which it does not go on just now.
    pub trouble: Option<String>,
}

/// The state of a deletion.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DeletionProgress {
    /// Records deleted so far.
    pub records: u64,
    /// About how many there were.
    pub of: u64,
}

impl DeletionView {
    /// Tells of a deletion; `gone` where the integration is gone as well.
    pub fn new(tenant_id: TenantId, deletion: &Deletion, gone: bool) -> Self {
        let records = deletion.deleted_records();
        let over = gone && deletion.finished_at.is_some();
        Self {
            tenant_id,
            name: deletion.name.clone(),
            status: if over { "deleted" } else { "deleting" },
            asked_at: deletion.asked_at,
            finished_at: deletion.finished_at.filter(|_| over),
            kept_until: deletion.kept_until().filter(|_| over),
            schedule: deletion.schedule,
            secret: deletion.secret,
            records: deletion.records.clone(),
            changes: deletion.changes,
            summaries: deletion.summaries,
            states: deletion.states,
            control_items: deletion.control_items,
            progress: DeletionProgress {
                records,
                of: if over {
                    records
                } else {
                    records.max(deletion.expected)
                },
            },
            trouble: deletion.trouble.clone(),
        }
    }

    /// Returns true if everything is gone.
    pub fn over(&self) -> bool {
        self.finished_at.is_some()
    }
}
