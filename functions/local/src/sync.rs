//! `muster sync`.

use crate::{api::Api, command::Sync, report};
use indicatif::MultiProgress;
use reqwest::Method;

pub(crate) async fn run(options: Sync) -> anyhow::Result<()> {
    let (api, stack) = Api::connect(&options.at).await?;
    let ended = sync(&api, &options).await;
    if let Some(stack) = stack {
        stack.stop().await;
    }
    ended
}

async fn sync(api: &Api, options: &Sync) -> anyhow::Result<()> {
    let path = format!("/api/v1/integrations/{}", options.tenant);
    let before = api.get(&path).await?;
    let since = before["sync"]["finished_at"].as_str().map(str::to_owned);
    let full = serde_json::json!({"full": options.full});
    api.call(Method::POST, &format!("{path}/sync"), Some(&full))
        .await?;
    let integration = report::watch(api, options.tenant, since, &MultiProgress::new()).await?;
    report::print(&integration);
    let of_kind = |kind| report::problem(&integration, kind);
    let failed = ["sign_in_refused", "sign_in_waits", "sync_failed"];
    match failed.into_iter().find_map(of_kind) {
        Some(sentence) => anyhow::bail!("{sentence}"),
        None => Ok(()),
    }
}
