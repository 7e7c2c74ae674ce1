//! Names that a link may put into the set-up scripts: whatever a name holds, each language reads it as
//! that name, or no script is written.

use super::{
    script_parsers::{powershell, taken, terraform},
    setup::{Ran, by_secret, setup},
};
use anyhow::{Context, Result, ensure};
use muster_domain::{
    Permission,
    setup::{Language, Literal, Setup, app_name},
};
use proptest::{
    prelude::{Just, Strategy, any, prop_oneof},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use reqwest::StatusCode;
use scraper::{Html, Selector};
use serde_json::Value;

/// Pieces of names that mean something to a shell, to PowerShell, to Terraform or to a terminal.
const PIECES: [&str; 30] = [
    "'",
    "\"",
    "`",
    "\\",
    "$",
    "$(",
    "${",
    ")",
    "}",
    "%{",
    "\n",
    "\r",
    "\u{3}",
    "\u{1b}[201~",
    ";",
    "touch never",
    "#",
    "‘",
    "’",
    "‚",
    "‛",
    "“",
    "JSON",
    "\nJSON\n",
    "@'",
    "'@",
    "<<",
    "-",
    " ",
    "\u{202e}",
];

fn names() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => proptest::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
        2 => any::<char>().prop_map(|c| c.to_string()),
        1 => Just("Muster".to_owned()),
    ];
    proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

/// Names that a script takes, out of as many hostile ones as that needs.
fn taken_names(count: usize) -> Result<Vec<Literal>> {
    let mut runner = TestRunner::default();
    let mut taken = Vec::new();
    while taken.len() < count {
        let name = names().new_tree(&mut runner).map_err(anyhow::Error::msg)?;
        taken.extend(app_name(&name.current()));
    }
    Ok(taken)
}

fn named(name: &Literal) -> Setup {
    Setup {
        name: name.clone(),
        ..setup(vec![Permission::UserReadAll], by_secret())
    }
}

#[test]
fn bash_hands_any_name_to_az_as_it_is() -> Result<()> {
    for name in taken_names(40)? {
        let ran = Ran::of(&named(&name))?;
        let create = ran
            .calls
            .iter()
            .find(|call| call[..3] == ["ad", "app", "create"]);
        let create = create.context("the app is created")?;
        let at = create.iter().position(|word| word == "--display-name");
        let given = at.and_then(|at| create.get(at + 1)).context("a name")?;
        assert_eq!(given, name.as_str());
        assert_eq!(ran.calls.len(), 7, "{name:?}: {:?}", ran.calls);
    }
    Ok(())
}

#[test]
fn terraform_reads_any_name_as_it_is() -> Result<()> {
    for name in taken_names(25)? {
        let file = named(&name).script(Language::Terraform);
        let read: Value = serde_json::from_slice(&taken(terraform()?, &file)?)?;
        let app = &read["resource"]["azuread_application"]["muster"][0];
        let shown = app["display_name"].as_str().context("a name")?;
        // The parser gives a template back as it is written.
        let shown = shown.replace("$${", "${").replace("%%{", "%{");
        assert_eq!(shown, name.as_str());
    }
    Ok(())
}

#[test]
fn powershell_finds_no_command_in_any_name() -> Result<()> {
    let commands = |setup: &Setup| -> Result<Vec<(String, Vec<String>)>> {
        let read = taken(powershell()?, &setup.script(Language::PowerShell))?;
        Ok(serde_json::from_slice(&read)?)
    };
    let plain = commands(&named(&super::setup::literal("Muster")))?;
    for name in taken_names(25)? {
        assert_eq!(commands(&named(&name))?, plain, "{name:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_a_hostile_name_shows_what_is_wrong_and_no_script() -> Result<()> {
    let world = muster_it::World::new(Vec::new()).await?;
    let browser = world.browser().await?;
    let services = world.muster().services();
    let script = Selector::parse("#script").map_err(|error| anyhow::anyhow!("{error}"))?;
    for name in [
        "Muster%03%0acurl+example.org",
        "Muster%0dcurl",
        "@/etc/passwd",
        "x%3d@/etc/passwd",
        "a%1b[201~b",
        "a%E2%80%AEb",
        "a%E2%80%A8b",
        &"x".repeat(121),
    ] {
        for language in Language::ALL {
            let link = format!(
                "/account/integration/microsoft365/setup?language={}&name={name}",
                language.name()
            );
            let answer = browser.get(&services.page(&link)).await?;
            assert_eq!(answer.status(), StatusCode::OK, "{link}");
            let text = answer.text().await?;
            let page = Html::parse_document(&text);
            ensure!(page.select(&script).next().is_none(), "{link}: {text}");
            ensure!(
                text.contains("Correct the app&#39;s name")
                    || text.contains("Correct the app's name"),
                "{text}"
            );
        }
    }
    Ok(())
}
