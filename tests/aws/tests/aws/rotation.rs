//! A rotation of Secrets Manager, through the real function: its four steps, each of which may come
//! more than once, and may be the last for a while.

use super::installation::{Installation, World};
use anyhow::{Context, Result, ensure};
use microsoft_simulator::TenantOptions;
use muster_aws::{least_privilege, template};
use serde_json::json;
use std::collections::BTreeMap;

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// One rotation: the version that Secrets Manager has named.
struct Rotation<'a> {
    world: &'a World,
    muster: &'a Installation,
    secret: String,
    version: String,
}

impl<'a> Rotation<'a> {
    async fn new(
        world: &'a World,
        muster: &'a Installation,
        tenant: &TenantOptions,
    ) -> Result<Self> {
        let secrets = aws_sdk_secretsmanager::Client::new(&muster.administrator);
        let described = secrets.describe_secret().secret_id(muster.secret(tenant)?);
        Ok(Self {
            world,
            muster,
            secret: described.send().await?.arn.context("an ARN")?,
            version: uuid::Uuid::new_v4().to_string(),
        })
    }

    /// AWS Secrets Manager User Guide, "Lambda function rotation": the event of a step.
    async fn step(&self, step: &str) -> Result<()> {
        let function = self.muster.stack.physical("SecretExpiryFunction")?;
        let event = json!({
            "Step": step, "SecretId": self.secret, "ClientRequestToken": self.version,
            "RotationToken": "not in use",
        });
        let invoked = self.world.emulator.invoke_with(function, &event).await;
        invoked.map(drop).context(step.to_owned())
    }
}

fn labelled(versions: &BTreeMap<String, Vec<String>>, label: &str) -> Vec<String> {
    let holds = |labels: &Vec<String>| labels.iter().any(|held| held == label);
    let found = versions.iter().filter(|(_, labels)| holds(labels));
    found.map(|(version, _)| version.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_renews_by_four_steps_which_may_be_repeated_and_cut_off() -> Result<()> {
    let mut contoso = TenantOptions::sample(11, "Contoso", 5);
    contoso
        .permissions
        .push("Application.ReadWrite.OwnedBy".to_owned());
    let world = World::new(vec![contoso.clone()]).await?;
    let muster = world.deploy("muster").await?;
    let rotated = rotated(&world, &muster, &contoso).await;
    rotated.with_context(|| world.emulator.log())
}

async fn rotated(world: &World, muster: &Installation, contoso: &TenantOptions) -> Result<()> {
    muster.connect(contoso).await?;
    muster.synced(contoso, &json!(null)).await?;
    let microsoft = world.simulator.tenant(contoso.id);
    microsoft.set_owns_itself(true);
    let before = labelled(&muster.versions(contoso).await?, "AWSCURRENT");

    // Cut off before it is proven: what is in use is what was in use.
    let rotation = Rotation::new(world, muster, contoso).await?;
    for step in &STEPS[..2] {
        rotation.step(step).await?;
        rotation.step(step).await?;
    }
    let versions = muster.versions(contoso).await?;
    assert_eq!(
        labelled(&versions, "AWSPENDING"),
        std::slice::from_ref(&rotation.version)
    );
    assert_eq!(labelled(&versions, "AWSCURRENT"), before);
    let made = microsoft.secrets();
    assert_eq!(made.len(), 2, "asked twice, made once: {made:?}");
    let synced = muster.sync(contoso).await?;
    assert_eq!(synced["status"], "connected", "{synced:#}");

    // Taken up again, each step twice, and then all of them.
    for step in STEPS.iter().flat_map(|step| [step, step]).chain(&STEPS) {
        rotation.step(step).await?;
    }
    let versions = muster.versions(contoso).await?;
    assert_eq!(
        labelled(&versions, "AWSCURRENT"),
        std::slice::from_ref(&rotation.version)
    );
    assert_eq!(labelled(&versions, "AWSPREVIOUS"), before);
    assert_eq!(labelled(&versions, "AWSPENDING"), Vec::<String>::new());
    let listed = microsoft.secrets();
    assert_eq!(listed.len(), 2, "{listed:?}");
    let synced = muster.sync(contoso).await?;
    assert_eq!(synced["status"], "connected", "{synced:#}");
    let credential = &synced["credential"];
    assert_eq!(credential["expiry_source"], "entra", "{credential:#}");
    let made = &listed[1].1;
    assert_eq!(credential["hint"].as_str(), made.get(..3), "{credential:#}");

    another_in_its_place_is_not_promoted(world, muster, contoso).await?;
    let log = world.emulator.log();
    for (_, secret, _) in microsoft.secrets() {
        assert!(!log.contains(&secret), "a secret is in a log");
    }
    let template = template::translated(&world.tools)?;
    let place = muster.place().await?;
    let asked = muster.stack.recording.asked();
    let verdict = least_privilege::judge(&world.tools, &template, &place, &asked)?;
    ensure!(verdict.refused.is_empty(), "{verdict}");
    let renewal = verdict
        .used
        .iter()
        .filter(|grant| grant.sid == "RenewSecret");
    ensure!(renewal.count() == 4, "{:#?}", verdict.used);
    Ok(())
}

/// The label was taken from the rotation's version: whatever else is pending now was not proven by
/// this rotation.
async fn another_in_its_place_is_not_promoted(
    world: &World,
    muster: &Installation,
    contoso: &TenantOptions,
) -> Result<()> {
    let rotation = Rotation::new(world, muster, contoso).await?;
    for step in &STEPS[..3] {
        rotation.step(step).await?;
    }
    let before = labelled(&muster.versions(contoso).await?, "AWSCURRENT");
    let secrets = aws_sdk_secretsmanager::Client::new(&muster.administrator);
    let taken = secrets
        .update_secret_version_stage()
        .secret_id(&rotation.secret)
        .version_stage("AWSPENDING")
        .remove_from_version_id(&rotation.version);
    taken.send().await?;
    let other = secrets
        .put_secret_value()
        .secret_id(&rotation.secret)
        .secret_string("oTh8Q~nobody.proved-this-0123456789-abcd")
        .version_stages("AWSPENDING");
    other.send().await?;
    let refused = rotation.step("finishSecret").await;
    let said = format!("{:#}", refused.expect_err("it is not the one"));
    assert!(said.contains("Start the rotation again"), "{said}");
    let versions = muster.versions(contoso).await?;
    assert_eq!(labelled(&versions, "AWSCURRENT"), before);
    let synced = muster.sync(contoso).await?;
    assert_eq!(synced["status"], "connected", "{synced:#}");
    Ok(())
}
