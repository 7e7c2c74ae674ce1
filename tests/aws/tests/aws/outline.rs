//! What the template makes, by what it must hold.

use anyhow::Result;
use muster_aws::{deployment::BINARIES, template, tools};
use serde_json::json;

#[test]
fn tables_are_protected_restorable_and_kept_when_the_stack_goes() -> Result<()> {
    let template = template::translated(&tools()?)?;
    let tables = template::resources(&template, "AWS::DynamoDB::Table");
    assert_eq!(tables.len(), 2);
    for (name, table) in tables {
        assert_eq!(table["BillingMode"], "PAY_PER_REQUEST", "{name}");
        assert_eq!(
            table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true,
            "{name}"
        );
        assert_eq!(
            table["DeletionProtectionEnabled"],
            json!({"Ref": "DeletionProtection"}),
            "{name}"
        );
        assert_eq!(table["TimeToLiveSpecification"]["AttributeName"], "expires");
        let kept = &template["Resources"][name]["DeletionPolicy"];
        // With RetainExceptOnCreate the rollback of a first deployment would have to delete what deletion
        // protection guards.
        assert_eq!(kept, "Retain", "{name}");
    }
    Ok(())
}

/// Each start of a function loads it: <https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html>.
#[test]
fn bootstraps_are_small() -> Result<()> {
    let tools = tools()?;
    for binary in BINARIES {
        let bytes = std::fs::metadata(tools.lambda.join(binary).join("bootstrap"))?.len();
        assert!(bytes <= 8_650_000, "{binary} has {bytes} bytes");
    }
    Ok(())
}
