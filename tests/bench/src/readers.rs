//! Clients that search, sort and export as fast as they are answered.

use crate::muster::Muster;
use microsoft_simulator::TenantOptions;
use reqwest::StatusCode;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::task::JoinSet;

/// Clients at work, until they are stopped.
#[derive(Debug)]
pub struct Readers {
    tasks: JoinSet<()>,
    answered: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl Muster {
    /// Starts so many clients of one tenant.
    pub fn readers(&self, tenant: &TenantOptions, clients: u32) -> Readers {
        let mut readers = Readers {
            tasks: JoinSet::new(),
            answered: Arc::default(),
            refused: Arc::default(),
        };
        let asked = [
            "q=zoe",
            "sort=-display_name",
            "format=csv",
            "format=csv&sort=mail",
        ];
        for query in asked.iter().cycle().take(clients as usize) {
            let address = format!(
                "{}/api/v1/integrations/{}/assets/users?{query}",
                self.base, tenant.id,
            );
            let request = self.http.get(address).bearer_auth(&self.token);
            let (answered, refused) = (Arc::clone(&readers.answered), Arc::clone(&readers.refused));
            readers.tasks.spawn(async move {
                while let Some(request) = request.try_clone() {
                    let Ok(answer) = request.send().await else {
                        return;
                    };
                    let count = match answer.status() {
                        StatusCode::OK => &answered,
                        _ => &refused,
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                    if answer.bytes().await.is_err() {
                        return;
                    }
                }
            });
        }
        readers
    }
}

impl Readers {
    /// Stops them. Returns how often they were answered, and how often they were refused.
    pub async fn stop(mut self) -> (u64, u64) {
        self.tasks.shutdown().await;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.answered), read(&self.refused))
    }
}
