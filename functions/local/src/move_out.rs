//! `muster move`: copies a data directory into a deployed stack. The source is left alone.

use crate::{DataDir, command::Move, deployed::Deployed, stack::open_store};
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use muster_domain::{Integration, TenantId};
use muster_platform::{
    Store,
    store::StoreError,
    vault::{FileVault, Stage},
};

/// Where the data come from.
struct Source {
    store: Store,
    vault: FileVault,
}

/// What became of one tenant.
#[derive(Debug, PartialEq, Eq)]
enum Moved {
    /// Copied and verified.
    Copied { items: u64, written: u64 },
    /// It has synced there since: its data there are newer.
    NewerThere,
    /// It is being deleted here.
    Deleting,
}

/// Moves.
///
/// # Errors
/// When the directory is in use, the stack is not found, or a tenant could not be copied and
/// verified; the others are, and doing it again goes on.
pub async fn run(options: Move) -> anyhow::Result<()> {
    let data = DataDir::open(options.data, "muster")?;
    let _lock = data.lock()?;
    let vault = data.vault()?;
    let (store, embedded) = open_store(&data).await?;
    let source = Source { store, vault };
    let ended = move_all(&source, &options.stack).await;
    embedded.close().await;
    ended
}

async fn move_all(source: &Source, stack: &str) -> anyhow::Result<()> {
    let target = Deployed::find(stack).await?;
    let all = source.store.integrations().await?;
    if all.is_empty() {
        bail!("there is no integration in this data directory; choose another with --data");
    }
    let bar = ProgressBar::new(all.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} clients  {msg}") {
        bar.set_style(style);
    }
    let (mut lines, mut failed, mut moved) = (Vec::new(), 0, Vec::new());
    for integration in &all {
        bar.set_message(integration.name.clone());
        let line = match move_tenant(source, &target, integration).await {
            Ok(Moved::Copied { items, written }) => {
                moved.push(integration);
                format!("{items} items, of which {written} were written now; verified")
            }
            Ok(Moved::NewerThere) => "left alone: it has synced there since".to_owned(),
            Ok(Moved::Deleting) => "left out: it is being deleted here".to_owned(),
            Err(error) => {
                failed += 1;
                format!("FAILED: {error:#}")
            }
        };
        lines.push(format!(
            "{:<28} {}  {line}",
            integration.name, integration.tenant_id
        ));
        bar.inc(1);
    }
    bar.finish_and_clear();
    lines.iter().for_each(|line| println!("{line}"));
    if !moved.is_empty() {
        next_steps(&target);
    }
    if failed > 0 {
        bail!(
            "{failed} of {} clients were not moved; run the same command again, what is there already is not written twice",
            all.len()
        );
    }
    Ok(())
}

fn next_steps(target: &Deployed) {
    println!(
        "\nEverything here is as it was. Do not run `muster serve` on this data directory any more: both would sync, and renew secrets, for the same clients.\n\nOpen {}\nAdd this redirect URI to each client's app registration in Entra ID (Authentication, Web); it is needed the next time somebody authorizes:\n{}",
        target.address, target.redirect_uri
    );
}

/// Copies one tenant. Its integration comes after everything it tells of, and its schedule last,
/// so that an interrupted copy is neither listed nor synced there.
async fn move_tenant(
    source: &Source,
    target: &Deployed,
    listed: &Integration,
) -> anyhow::Result<Moved> {
    let tenant = listed.tenant_id;
    let integration = source.store.integration(tenant).await?;
    let Some(integration) = integration.filter(|known| !known.deleting) else {
        return Ok(Moved::Deleting);
    };
    if let Some(unreadable) = &integration.unreadable {
        bail!(
            "item `{}` cannot be read: {}",
            unreadable.item,
            unreadable.why
        );
    }
    let there = target.store.integration(tenant).await?;
    if there.is_some_and(|there| there.sync.last_started_at > integration.sync.last_started_at) {
        return Ok(Moved::NewerThere);
    }
    move_secrets(source, target, tenant).await?;
    let copied = target.store.take_over(&source.store, tenant).await?;
    let held = target.store.tally(tenant).await?;
    if (held.items, held.digest) != (copied.items, copied.digest) {
        bail!(
            "{} items are here and {} there, or they differ; run the same command again",
            copied.items,
            held.items
        );
    }
    match target.store.create_integration(&integration).await {
        Ok(()) => {}
        Err(StoreError::Exists) => {
            let replaced = target
                .store
                .update_integration(tenant, |there| *there = integration.clone());
            replaced.await?;
        }
        Err(error) => return Err(error.into()),
    }
    let minutes = integration.cadence_minutes;
    target.schedule.every(tenant, minutes).await?;
    if integration.paused {
        target.schedule.pause(tenant, minutes).await?;
    }
    Ok(Moved::Copied {
        items: copied.items,
        written: copied.written,
    })
}

/// The previous secret goes first, so that it becomes the previous one there, too.
async fn move_secrets(source: &Source, target: &Deployed, tenant: TenantId) -> anyhow::Result<()> {
    use secrecy::ExposeSecret;
    let current = source
        .vault
        .get(tenant, Stage::Current)?
        .context("the vault here holds no client secret for it")?;
    let same = |there: &Option<secrecy::SecretString>| {
        there
            .as_ref()
            .is_some_and(|there| there.expose_secret() == current.expose_secret())
    };
    if same(&target.vault.get_anew(tenant).await?) {
        return Ok(());
    }
    if let Some(previous) = source.vault.get(tenant, Stage::Previous)? {
        target.vault.put(tenant, &previous).await?;
    }
    target.vault.put(tenant, &current).await?;
    if !same(&target.vault.get_anew(tenant).await?) {
        bail!("its client secret did not arrive");
    }
    Ok(())
}
