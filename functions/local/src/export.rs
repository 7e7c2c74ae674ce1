//! `muster export`.

use crate::{
    api::Api,
    command::{Export, Format},
};
use futures::StreamExt;
use reqwest::Method;
use std::io::Write;

pub(crate) async fn run(options: Export) -> anyhow::Result<()> {
    let reading = Api::connect_to_read(&options.at).await?;
    let ended = export(&reading.api, &options).await;
    reading.stop().await;
    ended
}

async fn export(api: &Api, options: &Export) -> anyhow::Result<()> {
    let path = format!(
        "/api/v1/integrations/{}/assets/{}",
        options.tenant, options.dataset
    );
    let mut out = std::io::stdout().lock();
    match options.format {
        Format::Csv => {
            let response = api
                .send(Method::GET, &format!("{path}?format=csv"), None)
                .await?;
            let mut chunks = response.bytes_stream();
            while let Some(chunk) = chunks.next().await {
                out.write_all(&chunk?)?;
            }
        }
        Format::Json => {
            let mut cursor = String::new();
            let mut first = true;
            write!(out, "[")?;
            loop {
                let page = api.get(&format!("{path}?limit=1000{cursor}")).await?;
                for item in page["items"].as_array().into_iter().flatten() {
                    let comma = if first { "\n" } else { ",\n" };
                    write!(out, "{comma}{item}")?;
                    first = false;
                }
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            writeln!(out, "\n]")?;
        }
    }
    out.flush()?;
    Ok(())
}
