//! `muster integrations`.

use crate::{
    api::Api,
    command::Integrations,
    report::{list, text},
};

pub(crate) async fn run(options: Integrations) -> anyhow::Result<()> {
    let reading = Api::connect_to_read(&options.at).await?;
    let listed = print(&reading.api).await;
    reading.stop().await;
    listed
}

async fn print(api: &Api) -> anyhow::Result<()> {
    let mut cursor = String::new();
    let mut any = false;
    loop {
        let page = api
            .get(&format!("/api/v1/integrations?limit=1000{cursor}"))
            .await?;
        for integration in list(&page, "items") {
            if !any {
                println!(
                    "{:<36}  {:<16}  {:<20}  {:<20}  name",
                    "tenant", "status", "last sync", "secret lapses"
                );
            }
            any = true;
            println!(
                "{:<36}  {:<16}  {:<20}  {:<20}  {}",
                text(integration, "tenant_id"),
                text(integration, "status"),
                minute(text(&integration["sync"], "finished_at")),
                minute(text(&integration["credential"], "expires_at")),
                text(integration, "name"),
            );
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    if !any {
        println!(
            "No tenant is connected yet. Run `muster serve`, open the address it prints and choose Add a client."
        );
    }
    Ok(())
}

/// An instant to the minute, or a dash.
fn minute(instant: &str) -> String {
    instant
        .get(..16)
        .map_or_else(|| "-".to_owned(), |minute| minute.replace('T', " "))
}
