//! What the four ports promise, whatever is behind them. The same suite runs against the local
//! side and against the AWS side.

use muster_domain::TenantId;
use muster_platform::{
    alert::{Alert, Alerts},
    now,
    queue::{Queue, SyncMessage},
    schedule::Schedule,
    vault::{Stage, Vault},
};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::BTreeSet, time::Duration};

/// How long a message may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a one-time schedule may take: on AWS none is within a minute, and Scheduler takes up to another.
const ONE_TIME: Duration = Duration::from_secs(150);

/// The vault: each tenant's secrets by stage, and nobody else's.
///
/// # Panics
/// When the vault breaks its promise.
pub async fn vault(vault: &Vault, tenant: TenantId, other: TenantId) {
    let text = async |of: TenantId, stage: Stage| {
        let secret = vault.get_stage(of, stage).await.expect("the vault answers");
        secret.map(|secret| secret.expose_secret().to_owned())
    };
    let secret = |text: &str| SecretString::from(text);
    assert_eq!(text(tenant, Stage::Current).await, None);
    assert!(!vault.remove(tenant).await.expect("nothing to remove"));
    assert!(
        vault
            .create(tenant, &secret("none"))
            .await
            .expect("is kept")
    );
    assert!(!vault.create(tenant, &secret("two")).await.expect("stays"));
    assert_eq!(text(tenant, Stage::Current).await.as_deref(), Some("none"));
    assert!(vault.remove(tenant).await.expect("is removed"));
    vault.put(tenant, &secret("one")).await.expect("is kept");
    vault.put(other, &secret("theirs")).await.expect("is kept");
    assert!(!vault.promote(tenant).await.expect("nothing is pending"));
    assert_eq!(text(tenant, Stage::Current).await.as_deref(), Some("one"));
    vault.stage(tenant, &secret("two")).await.expect("is kept");
    assert_eq!(text(tenant, Stage::Current).await.as_deref(), Some("one"));
    assert_eq!(text(tenant, Stage::Pending).await.as_deref(), Some("two"));
    assert!(vault.promote(tenant).await.expect("is promoted"));
    assert!(!vault.promote(tenant).await.expect("no second time"));
    assert_eq!(text(tenant, Stage::Current).await.as_deref(), Some("two"));
    assert_eq!(text(tenant, Stage::Previous).await.as_deref(), Some("one"));
    assert_eq!(text(tenant, Stage::Pending).await, None);
    vault.put(tenant, &secret("four")).await.expect("is kept");
    assert_eq!(text(tenant, Stage::Current).await.as_deref(), Some("four"));
    assert_eq!(text(tenant, Stage::Previous).await.as_deref(), Some("two"));
    let anew = vault.get_anew(tenant).await.expect("the vault answers");
    assert_eq!(anew.expect("is there").expose_secret(), "four");
    assert!(vault.remove(tenant).await.expect("is removed"));
    assert!(!vault.remove(tenant).await.expect("no second time"));
    assert_eq!(text(tenant, Stage::Current).await, None);
    assert_eq!(text(tenant, Stage::Previous).await, None);
    assert_eq!(text(other, Stage::Current).await.as_deref(), Some("theirs"));
    vault
        .put(tenant, &secret("five"))
        .await
        .expect("comes again");
    assert_eq!(text(tenant, Stage::Current).await.as_deref(), Some("five"));
}

/// The vault: of two secrets that are staged, the later one is promoted.
///
/// # Panics
/// When the vault breaks its promise.
pub async fn vault_staged_twice(vault: &Vault, tenant: TenantId) {
    let secret = |text: &str| SecretString::from(text);
    vault.put(tenant, &secret("one")).await.expect("is kept");
    for staged in ["two", "three"] {
        vault.stage(tenant, &secret(staged)).await.expect("is kept");
    }
    assert!(vault.promote(tenant).await.expect("is promoted"));
    assert!(!vault.promote(tenant).await.expect("no second time"));
    let current = vault.get(tenant).await.expect("the vault answers");
    assert_eq!(current.expect("is there").expose_secret(), "three");
}

/// The queue: what is sent arrives, for every tenant. `next` gives the next message there is
/// within a time.
///
/// # Panics
/// When the queue breaks its promise.
pub async fn queue(
    queue: &Queue,
    tenants: [TenantId; 2],
    mut next: impl AsyncFnMut(Duration) -> Option<TenantId>,
) {
    for tenant_id in tenants {
        queue.send(SyncMessage { tenant_id }).await.expect("sends");
    }
    let mut arrived = BTreeSet::new();
    while arrived.len() < tenants.len() {
        arrived.insert(next(PATIENCE).await.expect("a message arrives"));
    }
    assert_eq!(arrived, BTreeSet::from(tenants));
}

/// The schedule: a time that comes puts the tenant on the queue, once; what was removed or paused
/// does not.
///
/// # Panics
/// When the schedule breaks its promise.
pub async fn schedule(
    schedule: &Schedule,
    [tenant, other]: [TenantId; 2],
    mut next: impl AsyncFnMut(Duration) -> Option<TenantId>,
) {
    assert!(!schedule.remove(tenant).await.expect("nothing to remove"));
    schedule.pause(tenant, 60).await.expect("nothing to pause");
    schedule.every(tenant, 60).await.expect("is taken");
    schedule.every(tenant, 120).await.expect("in place of it");
    schedule.pause(tenant, 120).await.expect("is paused");
    let soon = now() + jiff::SignedDuration::from_secs(2);
    schedule.once(other, soon).await.expect("is taken");
    schedule.once(other, soon).await.expect("twice is once");
    assert_eq!(next(ONE_TIME).await, Some(other));
    assert_eq!(
        next(Duration::from_secs(3)).await,
        None,
        "once, and not the paused one"
    );
    schedule.every(tenant, 60).await.expect("is resumed");
    assert!(schedule.remove(tenant).await.expect("is removed"));
    assert!(!schedule.remove(tenant).await.expect("no second time"));
}

/// Alerts: one is taken, whatever its subject holds.
///
/// # Panics
/// When the channel breaks its promise.
pub async fn alerts(alerts: &Alerts, tenant_id: TenantId) {
    let alert = Alert {
        id: "contract".to_owned(),
        tenant_id: Some(tenant_id),
        client: Some("Bücher & Söhne".to_owned()),
        kind: "credential".to_owned(),
        state: "raised",
        subject: format!(
            "Muster: Bücher & Söhne\nneeds {}",
            "a new secret ".repeat(20)
        ),
        text: "The client secret of Bücher & Söhne lapses in 7 days.".to_owned(),
        by: None,
        link: "https://muster.example/account".to_owned(),
        at: now(),
    };
    alerts.send(&alert).await.expect("is taken");
}
