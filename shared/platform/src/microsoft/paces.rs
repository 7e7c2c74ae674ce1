//! The paces towards Microsoft's services, for every tenant that this process syncs.

use muster_domain::{
    Dataset, TenantId,
    pace::{self, Pace, Service},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// One pace for each service and tenant, shared by all datasets and kept from sync to sync.
#[derive(Debug, Clone)]
pub struct Paces {
    began: Instant,
    quotas: bool,
    paces: Arc<Mutex<HashMap<(TenantId, Service), Pace>>>,
}

/// Paces kept before those that matter no more are let go.
const MANY: usize = 1024;

impl Paces {
    /// Paces that hold the published quotas, or only what Microsoft says meanwhile.
    pub fn new(quotas: bool) -> Self {
        Self {
            began: Instant::now(),
            quotas,
            paces: Arc::default(),
        }
    }

    /// Asks for leave to send one request of a dataset now; how long to wait where there is none.
    ///
    /// # Errors
    /// The wait.
    pub fn ask(&self, tenant: TenantId, dataset: &'static Dataset) -> Result<(), Duration> {
        let now = self.began.elapsed();
        let mut paces = self.held();
        if paces.len() >= MANY {
            paces.retain(|_, pace| !pace.is_idle(now));
        }
        let service = dataset.service;
        let pace = paces.entry((tenant, service));
        let pace = pace.or_insert_with(|| Pace::new(service.quota().filter(|_| self.quotas)));
        pace.ask(pace::units(dataset), now)
    }

    /// Takes note that Microsoft asks to wait.
    pub fn throttled(&self, tenant: TenantId, dataset: &'static Dataset, wait: Duration) {
        let now = self.began.elapsed();
        if let Some(pace) = self.held().get_mut(&(tenant, dataset.service)) {
            pace.throttled(wait, now);
        }
    }

    /// Takes note of how much of the quota is used.
    pub fn heard(&self, tenant: TenantId, dataset: &'static Dataset, used: f64) {
        let now = self.began.elapsed();
        if let Some(pace) = self.held().get_mut(&(tenant, dataset.service)) {
            pace.heard(used, now);
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<(TenantId, Service), Pace>> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::datasets;

    #[test]
    fn sign_in_activity_takes_from_the_quota_of_sign_in_reports_and_from_no_other() {
        let paces = Paces::new(true);
        let tenant = TenantId::from(uuid::Uuid::from_u128(1));
        let ask = |name: &str| {
            let dataset = datasets::find(name).expect("it is registered");
            paces.ask(tenant, dataset).is_ok()
        };
        for request in 1..=5 {
            assert!(ask("sign_in_activity"), "request {request}");
        }
        assert!(!ask("sign_in_activity"), "five in ten seconds");
        assert!(!ask("mfa_registration"), "they share one quota");
        assert!(ask("users"), "the directory has a quota of its own");
    }
}
