//! The index of what is stored: where it is a change behind, a record that went back to what it was
//! before would be taken for the same.

use anyhow::{Context, Result, ensure};
use muster_domain::{datasets::users::USERS, index};
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Rig, Setup},
};
use std::time::Duration;

/// Syncs with the first user named so: a delta round, or a whole enumeration, since the link is too old.
async fn sync_named(rig: &mut Rig, name: &str, whole: bool) -> Result<()> {
    rig.name_the_first(name)?;
    if whole {
        rig.simulator.advance(Duration::from_secs(8 * 86_400));
    }
    rig.sync().await?;
    right(rig).await.with_context(|| name.to_owned())
}

#[test]
fn a_name_that_comes_back_is_a_change_as_any_other() {
    test(async || {
        for wholes in [[false, true], [true, true], [true, false]] {
            let mut rig = Rig::new(&Setup::small(6, &["users"])).await?;
            sync_named(&mut rig, "of old", false).await?;
            sync_named(&mut rig, "for a while", wholes[0]).await?;
            sync_named(&mut rig, "of old", wholes[1]).await?;
            sync_named(&mut rig, "for a while", true).await?;
        }
        Ok(())
    });
}

#[test]
fn an_index_that_is_not_what_its_mark_says_is_made_anew() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(6, &["users"])).await?;
        rig.sync().await?;
        let mark = rig.state("users").await?.index.context("a mark")?;
        let users = rig.truth("users")?;
        let first = users.keys().next().context("a user")?;
        // The stored index loses a record, which Microsoft then loses, too.
        let (whole, _) = rig.store.index(rig.tenant, &USERS, &mark).await?;
        let whole = whole.context("it is what its mark says")?;
        let name = index::name(first).to_le_bytes();
        let without = whole.all().filter(|pair| !pair.starts_with(&name));
        let stored = rig.store.put_index_run(rig.tenant, &USERS, 0, without);
        let (run, _) = stored.await?;
        ensure!(run.records == 5, "{run:?}");
        rig.microsoft.purge_user(first.parse()?);
        rig.simulator.advance(Duration::from_secs(8 * 86_400));
        rig.sync().await?;
        right(&rig).await
    });
}
