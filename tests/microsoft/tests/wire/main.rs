//! What the simulator answers, over HTTP.

mod support;

use support::{Client, start};

#[tokio::test]
async fn every_dataset_answers_with_the_truth() {
    let (simulator, tenant) = start(60, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    for path in [
        "organization",
        "subscribedSkus",
        "directory/subscriptions",
        "domains",
        "deviceManagement/managedDevices",
        "devices",
        "deviceManagement/detectedApps",
        "deviceAppManagement/mobileApps",
        "reports/authenticationMethods/userRegistrationDetails",
        "security/secureScores",
        "security/secureScoreControlProfiles",
        "applications",
    ] {
        let answered = client.all(path).await;
        assert!(!answered.is_empty(), "{path} is empty");
        assert_eq!(answered, tenant.objects(&format!("/{path}")), "{path}");
    }
}
