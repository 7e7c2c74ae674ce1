//! The settings of an integration, sent as a form.

use crate::support::{FORM, MANAGER, Portal};
use axum::http::StatusCode;

#[tokio::test]
async fn a_cadence_out_of_range_names_the_range_in_the_form_too() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 1).await;
    let browser = portal.sign_in().await;
    let page = format!("/account/integration/microsoft365/{tenant}");
    let csrf = browser.csrf(&page).await;
    for wrong in ["14", "10021", "-5", "hourly", ""] {
        let form = format!("csrf={csrf}&name=Contoso&cadence_minutes={wrong}");
        let answer = browser
            .raw("post", &format!("{page}/settings"), FORM, &form)
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        let text = answer.text();
        assert!(text.contains("from 15 to 10020"), "{wrong}: {text}");
    }
    let path = format!("/api/v1/integrations/{tenant}");
    let kept = portal.bearer(MANAGER).get(&path).await.json();
    assert_eq!(kept["cadence_minutes"], 60);
}
