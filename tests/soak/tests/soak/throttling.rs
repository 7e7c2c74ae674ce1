//! Throttled for ever, by Graph or by the sign-in service, in the schedule's own time.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use microsoft_simulator::Fault;
use muster_domain::{DatasetState, Integration, integration::Status, state::Phase};
use muster_platform::{clock, now};
use muster_soak::{
    own_time,
    rig::{Delivery, Rig, Setup},
};
use tokio::time::Instant;

const TOKEN: &str = "/oauth2/v2.0/token";

fn asked(rig: &Rig, path: &str) -> usize {
    let requests = rig.simulator.requests().into_iter();
    requests.filter(|r| r.path.ends_with(path)).count()
}

fn fault(rig: &Rig, schedule: &str) -> Result<()> {
    rig.simulator.add_fault(schedule.parse::<Fault>()?);
    Ok(())
}

async fn integration(rig: &Rig) -> Result<Integration> {
    let stored = rig.store.integration(rig.tenant).await?;
    stored.context("the integration is there")
}

/// A message that no person asked for, so many minutes from now.
async fn later(rig: &mut Rig, minutes: i64) -> Result<()> {
    let worker = rig.worker(1400).await?;
    let delivery = rig.deliver(&worker, Delivery::default());
    let took = clock::ahead(SignedDuration::from_mins(minutes), delivery).await;
    ensure!(took, "the message comes again");
    Ok(())
}

fn minutes_off(state: &DatasetState) -> Result<i64> {
    let next = state.next_try.context("it is put off")?;
    Ok(next.at.duration_since(now()).as_mins())
}

/// What is true of a dataset that is throttled for ever, whatever `Retry-After` says.
async fn gives_up_its_turn(retry_after: &str) -> Result<()> {
    let mut rig = Rig::new(&Setup::small(3, &["users", "organization"])).await?;
    fault(&rig, &format!("users/delta#1x*=429{retry_after}"))?;
    let (began, minted) = (Instant::now(), asked(&rig, TOKEN));
    rig.sync().await?;
    let took = began.elapsed().as_secs();
    ensure!(took <= 90, "the run took {took} s");
    let tries = asked(&rig, "users/delta");
    ensure!((1..=7).contains(&tries), "it was asked for {tries} times");
    ensure!(asked(&rig, TOKEN) - minted == 1, "a token for each try");
    ensure!(rig.state("organization").await?.phase == Phase::Fresh);

    let first = rig.state("users").await?;
    let said = first.trouble.clone().unwrap_or_default();
    let next = first.next_try.context("it is put off")?;
    ensure!(first.phase == Phase::Incomplete, "{first:?}");
    ensure!(
        said.contains(&next.when(now())) && !said.contains("named"),
        "{said}"
    );
    ensure!(rig.next_due() == Some(next.at), "it comes back then");
    let states: Vec<_> = rig.states().await?.into_values().collect();
    ensure!(integration(&rig).await?.status(&states, now()) == Status::Connected);

    // A sync before then leaves it alone; one after then gives up for longer.
    later(&mut rig, 1).await?;
    ensure!(
        asked(&rig, "users/delta") == tries,
        "it was asked for too early"
    );
    ensure!(rig.state("users").await?.trouble == first.trouble);
    let before = minutes_off(&first)?;
    later(&mut rig, before + 1).await?;
    let again = minutes_off(&rig.state("users").await?)? - before;
    ensure!(again >= before, "{before} and {again} minutes");

    rig.simulator.clear_faults();
    later(&mut rig, before + again + 3).await?;
    let read = rig.state("users").await?;
    ensure!(
        read.phase == Phase::Fresh && read.next_try.is_none(),
        "{read:?}"
    );
    Ok(())
}

#[test]
fn throttled_for_ever_by_the_second_a_dataset_gives_up_its_turn_and_says_when_it_is_read() {
    own_time::test(async || gives_up_its_turn(":1").await);
}

#[test]
fn throttled_for_ever_without_a_word_a_dataset_gives_up_its_turn_and_says_when_it_is_read() {
    own_time::test(async || gives_up_its_turn("").await);
}

#[test]
fn no_value_of_retry_after_makes_a_loop() {
    own_time::test(async || {
        for value in [
            "0",
            "-1",
            "0.3",
            "soon",
            "Thu, 01 Jan 2015 00:00:00 GMT",
            "1e9",
        ] {
            let told = gives_up_its_turn(&format!(":{value}")).await;
            told.with_context(|| format!("Retry-After: {value}"))?;
        }
        Ok(())
    });
}

#[test]
fn a_wait_of_a_million_million_seconds_is_a_day() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(3, &["users", "organization"])).await?;
        fault(&rig, "users/delta#1x*=429:1000000000000")?;
        rig.sync().await?;
        ensure!(asked(&rig, "users/delta") == 1, "it was asked for again");
        let hours = minutes_off(&rig.state("users").await?)? / 60;
        ensure!((23..=24).contains(&hours), "{hours} hours");
        ensure!(rig.state("organization").await?.phase == Phase::Fresh);
        Ok(())
    });
}

#[test]
fn a_token_that_graph_does_not_accept_is_replaced_once_a_run() {
    own_time::test(async || {
        // More than are read at once: those that begin later hold the new token.
        let names = [
            "users",
            "organization",
            "subscribed_skus",
            "applications",
            "sign_in_activity",
            "mfa_registration",
            "managed_devices",
            "detected_apps",
            "mobile_apps",
            "secure_scores",
        ];
        let mut rig = Rig::new(&Setup::small(3, &names)).await?;
        let minted = asked(&rig, TOKEN);
        fault(&rig, "v1.0/#1x*=401")?;
        rig.sync().await?;
        let minted = asked(&rig, TOKEN) - minted;
        ensure!(minted <= 2, "{minted} tokens were minted");
        rig.simulator.clear_faults();
        rig.sync().await?;
        ensure!(
            rig.states()
                .await?
                .values()
                .all(|s| s.phase == Phase::Fresh)
        );
        Ok(())
    });
}

/// What is true of a sign-in that has trouble which passes, for ever as far as anybody knows.
async fn sign_in_is_put_off(refusal: &str, tries: usize) -> Result<()> {
    let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
    rig.sync().await?;
    let before = asked(&rig, TOKEN);
    fault(&rig, &format!("oauth2/v2.0/token#1x*={refusal}"))?;
    rig.sync().await?;
    let asked_for = asked(&rig, TOKEN) - before;
    ensure!((1..=tries).contains(&asked_for), "{asked_for} tries");
    let put_off = integration(&rig).await?;
    let wait = put_off.sign_in_wait.context("it is put off")?;
    let states: Vec<_> = rig.states().await?.into_values().collect();
    ensure!(put_off.status(&states, now()) == Status::Connected);
    ensure!(put_off.sign_in_trouble.is_none());
    let said = wait.sentence(now());
    ensure!(said.contains(&wait.next_try.when(now())), "{said}");
    ensure!(
        rig.next_due() == Some(wait.next_try.at),
        "it comes back then"
    );

    later(&mut rig, 1).await?;
    ensure!(
        asked(&rig, TOKEN) - before == asked_for,
        "it was asked for too early"
    );
    let minutes = wait.next_try.at.duration_since(now()).as_mins() + 1;
    later(&mut rig, minutes).await?;
    let again = integration(&rig).await?.sign_in_wait.context("still")?;
    ensure!(again.since == wait.since && again.next_try.at > wait.next_try.at);

    rig.simulator.clear_faults();
    let minutes = again.next_try.at.duration_since(now()).as_mins() + 1;
    later(&mut rig, minutes).await?;
    ensure!(integration(&rig).await?.sign_in_wait.is_none());
    ensure!(rig.state("users").await?.phase == Phase::Fresh);
    Ok(())
}

#[test]
fn a_throttled_sign_in_is_put_off_for_as_long_as_microsoft_names() {
    own_time::test(async || {
        for refusal in ["429:600", "503:600", "aadsts:90033:503:600"] {
            sign_in_is_put_off(refusal, 1).await?;
        }
        let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
        fault(&rig, "oauth2/v2.0/token#1x*=429:3600")?;
        rig.sync().await?;
        let wait = integration(&rig).await?.sign_in_wait.context("put off")?;
        let minutes = wait.next_try.at.duration_since(now()).as_mins();
        ensure!((60..=68).contains(&minutes), "{minutes} minutes");
        Ok(())
    });
}

#[test]
fn a_code_that_passes_is_waited_for_and_then_put_off_whatever_its_status() {
    own_time::test(async || {
        for refusal in ["aadsts:90033:400", "aadsts:90024:503", "429", "503:1"] {
            let told = sign_in_is_put_off(refusal, 5).await;
            told.with_context(|| refusal.to_owned())?;
        }
        Ok(())
    });
}

#[test]
fn what_microsoft_calls_a_loop_is_not_asked_again_at_once() {
    own_time::test(async || sign_in_is_put_off("aadsts:50196:400", 1).await);
}

#[test]
fn trouble_of_a_second_or_two_at_sign_in_is_waited_for_within_the_run() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
        fault(&rig, "oauth2/v2.0/token#1x2=aadsts:90033:503")?;
        rig.sync().await?;
        ensure!(integration(&rig).await?.sign_in_wait.is_none());
        ensure!(rig.state("users").await?.phase == Phase::Fresh);
        Ok(())
    });
}
