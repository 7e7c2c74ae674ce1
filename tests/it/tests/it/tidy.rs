//! The house rules that a compiler does not know.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn metadata() -> Metadata {
    MetadataCommand::new().exec().expect("cargo metadata runs")
}

/// Where a package stands in the order of arrows; lower may not know higher.
fn layer(package: &Package, root: &Path) -> u8 {
    let path = package
        .manifest_path
        .as_std_path()
        .strip_prefix(root)
        .expect("a member")
        .to_owned();
    match path.parent().and_then(Path::to_str).unwrap_or_default() {
        "shared/domain" => 0,
        "shared/platform" => 1,
        "functions/local" => 3,
        // The simulator is a leaf: it knows nothing of Muster, so the demo may start it.
        "tests/microsoft" => 0,
        path if path.starts_with("functions/") => 2,
        // The rehearsal on AWS plays the local stories' parts again.
        "tests/aws" => 5,
        path if path.starts_with("tests/") => 4,
        other => panic!("{other} has no place in the order of arrows"),
    }
}

#[test]
fn arrows_point_one_way() {
    let metadata = metadata();
    let root = metadata.workspace_root.as_std_path();
    let members = metadata.workspace_packages();
    for package in &members {
        for dependency in package
            .dependencies
            .iter()
            .filter(|d| d.kind == DependencyKind::Normal)
        {
            if let Some(known) = members
                .iter()
                .find(|member| *member.name == dependency.name)
            {
                let (from, to) = (layer(package, root), layer(known, root));
                assert!(to < from, "{} may not know {}", package.name, known.name);
            }
        }
    }
}

#[test]
fn the_domain_is_pure_by_its_manifest_and_the_simulator_a_leaf() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let names: Vec<&str> = package
            .dependencies
            .iter()
            .map(|d| d.name.as_str())
            .collect();
        if *package.name == "muster-domain" {
            for name in names {
                let impure = [
                    "tokio", "reqwest", "hyper", "axum", "futures", "rand", "lambda",
                ];
                assert!(
                    !name.starts_with("aws") && !impure.iter().any(|i| name.starts_with(i)),
                    "the domain may not know {name}"
                );
            }
        } else if *package.name == "microsoft-simulator" {
            assert!(
                names.iter().all(|name| !name.starts_with("muster")),
                "the simulator knows nothing of Muster"
            );
        }
    }
}

/// The one adapter that makes a Lambda function of a router, for three mains.
const LAMBDA_ADAPTER: &str = "shared/platform/src/http_event.rs";

#[test]
fn only_main_knows_the_lambda_runtime() {
    let root = root();
    for file in files(&root.join("functions"), "rs")
        .into_iter()
        .chain(files(&root.join("shared"), "rs"))
    {
        let text = fs::read_to_string(&file).expect("readable");
        let main = file.ends_with("main.rs");
        assert!(
            main || file.ends_with(LAMBDA_ADAPTER)
                || !(text.contains("lambda_runtime") || text.contains("lambda_http")),
            "{} knows the Lambda runtime",
            file.display()
        );
        assert!(
            !main || text.lines().count() <= 30,
            "{} is more than a thin main",
            file.display()
        );
    }
}

#[test]
fn every_dataset_has_a_file_an_entry_and_a_fixture() {
    let domain = root().join("shared/domain");
    let mut declared: Vec<String> = files(&domain.join("src/datasets"), "rs")
        .iter()
        .map(|f| stem(f))
        .filter(|s| s != "mod")
        .collect();
    let mut registered: Vec<String> = muster_domain::datasets::ALL
        .iter()
        .map(|d| d.name.to_owned())
        .collect();
    declared.sort();
    registered.sort();
    assert_eq!(declared, registered);
    for dataset in &registered {
        let fixture = ["json", "csv"]
            .iter()
            .any(|kind| domain.join(format!("fixtures/{dataset}.{kind}")).exists());
        assert!(fixture, "{dataset} has no fixture");
    }
}

#[test]
fn suppressions_speak_and_names_say_something() {
    let root = root();
    for folder in ["functions", "shared", "tests"] {
        for file in files(&root.join(folder), "rs") {
            let text = fs::read_to_string(&file).expect("readable");
            // Spelled in two parts, so that this line does not find itself.
            assert!(
                !text.contains(concat!("#[", "allow(")),
                "{} suppresses without a reason",
                file.display()
            );
            assert!(
                !text.contains(concat!("todo", "!(")),
                "{} is unfinished",
                file.display()
            );
            let name = stem(&file);
            assert!(
                !["utils", "helpers", "common", "misc", "manager"].contains(&name.as_str()),
                "{} says nothing",
                file.display()
            );
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace")
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, kind));
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
    found
}
