//! `template.yaml` as CloudFormation sees it.

use crate::tools::{Tools, root};
use anyhow::{Context, bail};
use serde_json::Value;
use std::process::Command;

/// The template, translated from SAM by SAM's own translator.
///
/// # Errors
/// When it does not translate.
pub fn translated(tools: &Tools) -> anyhow::Result<Value> {
    let output = Command::new(&tools.python)
        .arg(root().join("tests/aws/translate.py"))
        .arg(root().join("template.yaml"))
        .output()
        .context("SAM's translator does not start")?;
    if !output.status.success() {
        bail!(
            "the template does not translate: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Every resource of a type: its logical id and its properties.
pub fn resources<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let all = template["Resources"].as_object();
    all.into_iter()
        .flatten()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.as_str(), &resource["Properties"]))
        .collect()
}
