//! A crash after every single write, and at every page: enumerated, not sampled.

use anyhow::{Context, Result, ensure};
use muster_soak::{
    door::Calls,
    judge::{kept, right},
    own_time,
    rig::{Delivery, Rig, Setup, Worker},
    witness::sign_in,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::AbortHandle;
use uuid::Uuid;

/// What the sync that crashes is about.
#[derive(Debug, Clone, Copy)]
enum Story {
    /// Nothing has been read.
    First,
    /// Some users changed, came and went.
    DeltaRound,
    /// The same, by the only worker of its store.
    SoleDeltaRound,
    /// Nothing has been read, and the sync that goes on comes by itself: what was read is not due again.
    FirstNotAsked,
    /// A delta round after which Microsoft refuses the sign-in for a while.
    Refused,
    /// The same, and the delta link has lapsed: everything is read, and what is gone removed.
    LaterWhole,
    /// Everybody has signed in once since the first reading; now some did again, one goes by another
    /// name, one came and one is gone.
    SignIns,
    /// The same, and nothing but some signed in.
    SignInsAlone,
    /// One user goes by another name, and by the old one again before the next sync.
    Undone,
}

/// Where it crashes.
#[derive(Debug, Clone, Copy)]
enum Point {
    AfterWrite(u32),
    AtRequest(u32),
}

/// The world just before the sync that crashes.
async fn before(story: Story) -> Result<(Rig, Worker)> {
    let setup = Setup {
        largest_page: 2,
        ..match story {
            Story::SignIns | Story::SignInsAlone => Setup::small(5, &["sign_in_activity"]),
            Story::FirstNotAsked => Setup::small(5, &["users", "managed_devices"]),
            _ => Setup::small(5, &["users", "subscribed_skus"]),
        }
    };
    let mut rig = Rig::new(&setup).await?;
    if matches!(story, Story::Undone) {
        rig.name_the_first("of old")?;
        rig.sync().await?;
        right(&rig).await?;
        rig.name_the_first("for a moment")?;
    } else if !matches!(story, Story::First | Story::FirstNotAsked) {
        rig.sync().await?;
        rig.microsoft.change_users(2);
        rig.microsoft.add_users(2);
        rig.microsoft.delete_users(1);
    }
    if matches!(story, Story::LaterWhole) {
        rig.simulator.advance(Duration::from_secs(8 * 86_400));
    }
    if matches!(story, Story::SignIns | Story::SignInsAlone) {
        let users: Vec<Uuid> = rig
            .truth("users")?
            .keys()
            .map(|id| id.parse())
            .collect::<Result<_, _>>()?;
        for (second, user) in (0..).zip(&users) {
            sign_in(&rig.microsoft, *user, second);
        }
        rig.sync().await?;
        right(&rig).await?;
        for (second, user) in (100..).zip(&users[1..4]) {
            sign_in(&rig.microsoft, *user, second);
        }
        if matches!(story, Story::SignIns) {
            rig.microsoft.delete_user(users[0]);
            rig.microsoft.add_users(1);
            rig.microsoft.set_user_property(
                users[2],
                "userPrincipalName",
                "another@soak.example".into(),
            );
        }
        let asked = muster_platform::now();
        rig.change(|integration| integration.sync.requested_at = Some(asked))
            .await?;
    }
    let worker = worker_of(&rig, story).await?;
    Ok((rig, worker))
}

/// Another worker takes a lease over, and believes no index then. The only one of its store takes its own
/// again, and goes on with what it finds.
async fn worker_of(rig: &Rig, story: Story) -> Result<Worker> {
    match story {
        Story::Undone | Story::SoleDeltaRound | Story::FirstNotAsked | Story::Refused => {
            rig.sole_worker().await
        }
        _ => rig.worker(0).await,
    }
}

/// How many writes and requests the sync makes when nothing happens.
async fn size(story: Story) -> Result<(u32, u32)> {
    let (mut rig, worker) = before(story).await?;
    rig.simulator.clear_requests();
    ensure!(rig.deliver(&worker, Delivery::default()).await);
    right(&rig).await?;
    let requests = u32::try_from(rig.simulator.requests().len())?;
    Ok((worker.door.seen(Calls::Writes), requests))
}

async fn crash(story: Story, point: Point) -> Result<bool> {
    let (mut rig, worker) = before(story).await?;
    let held = rig.all_held().await?;
    let running: Arc<Mutex<Option<AbortHandle>>> = Arc::default();
    let own = Arc::clone(&running);
    let die = move || {
        if let Some(handle) = own.lock().expect("no panic").as_ref() {
            handle.abort();
        }
    };
    match point {
        Point::AfterWrite(nth) => worker.door.after_call(Calls::Writes, nth, die),
        Point::AtRequest(nth) => rig.simulator.at_request("/", nth, die),
    }
    let began = muster_platform::now();
    let task = tokio::spawn(rig.delivery(&worker, Delivery::default()));
    *running.lock().expect("no panic") = Some(task.abort_handle());
    let died = task.await.is_err();
    worker.door.clear();
    rig.simulator.clear_occasions();
    kept(&rig, &held, began).await.context("after the crash")?;
    if matches!(story, Story::Undone) {
        rig.name_the_first("of old")?;
    }
    match story {
        Story::Undone | Story::SoleDeltaRound => {
            let asked = muster_platform::now();
            rig.change(|integration| integration.sync.requested_at = Some(asked))
                .await?;
            go_on(&mut rig, story).await?;
        }
        Story::FirstNotAsked => go_on(&mut rig, story).await?,
        Story::Refused => {
            let secret = rig.microsoft.secret().context("a secret")?;
            let year = Duration::from_secs(365 * 86_400);
            rig.microsoft
                .set_secret("another.One~that-nobody-told-of", year);
            go_on(&mut rig, story).await?;
            rig.microsoft.set_secret(&secret, year);
            rig.sync().await?;
        }
        _ => rig.sync().await?,
    }
    right(&rig).await.context("after the next sync")?;
    Ok(died)
}

/// The message comes again.
async fn go_on(rig: &mut Rig, story: Story) -> Result<()> {
    let again = worker_of(rig, story).await?;
    ensure!(rig.deliver(&again, Delivery::default()).await, "it failed");
    Ok(())
}

fn enumerate(story: Story) {
    muster_soak::log();
    let (writes, requests) = own_time::run(|| size(story)).expect("a sync without faults is right");
    assert!(
        writes >= 6 && requests >= 3,
        "{writes} writes, {requests} requests"
    );
    let points = (1..=writes)
        .map(Point::AfterWrite)
        .chain((1..=requests).map(Point::AtRequest));
    let mut died = 0;
    for point in points {
        match own_time::run(|| crash(story, point)) {
            Ok(dead) => died += u32::from(dead),
            Err(why) => panic!("{story:?}, {point:?}: {why:#}"),
        }
    }
    println!("{story:?}: {writes} writes, {requests} requests, {died} crashes");
    // The last write gives the lease back: the sync has ended then, one way or the other.
    assert!(died + 2 >= writes + requests, "only {died} crashed");
}

#[test]
fn a_first_sync_may_crash_anywhere() {
    enumerate(Story::First);
}

#[test]
fn a_delta_round_may_crash_anywhere() {
    enumerate(Story::DeltaRound);
}

#[test]
fn a_delta_round_of_a_sole_worker_may_crash_anywhere() {
    enumerate(Story::SoleDeltaRound);
}

#[test]
fn a_first_sync_may_crash_anywhere_and_go_on_by_itself() {
    enumerate(Story::FirstNotAsked);
}

#[test]
fn a_delta_round_may_crash_anywhere_before_a_refused_sign_in() {
    enumerate(Story::Refused);
}

#[test]
fn a_day_of_sign_ins_may_crash_anywhere() {
    enumerate(Story::SignIns);
}

#[test]
fn a_day_of_nothing_but_sign_ins_may_crash_anywhere() {
    enumerate(Story::SignInsAlone);
}

#[test]
fn a_later_whole_enumeration_with_removals_may_crash_anywhere() {
    enumerate(Story::LaterWhole);
}

#[test]
fn what_a_crashed_sync_wrote_is_not_forgotten() {
    enumerate(Story::Undone);
}
